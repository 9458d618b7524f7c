"""What this disk and this PostgreSQL give anybody: prepared inserts of one row, a commit each."""

import re
import shutil
from pathlib import Path
from time import perf_counter
from urllib.parse import unquote, urlsplit, urlunsplit

import anyio
import asyncpg

from chat_memory.lab.bench.ground import KIND, Ground, require
from chat_memory.lab.bench.writing import SAID
from chat_memory.lab.databases import own_database, run_statements
from chat_memory.lab.errors import DisprovedError
from chat_memory.lab.results import Numbers
from chat_memory.settings import inherited_environment

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian keeps what it does not put on PATH, one folder for each major version."""
TABLE = "create table floor (id bigint generated always as identity primary key, content text not null)"
INSERT = "insert into floor (content) values ({})"
RATE = re.compile(r"^tps = ([\d.]+) ", re.MULTILINE)
DONE = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
THREADS = 2


async def measure(ground: Ground) -> Numbers:
    """Measure `commit_floor.conns_<n>.per_s`, and name `commit_floor.tool`."""
    pgbench = find_pgbench()
    numbers: Numbers = {"commit_floor.tool": "pgbench" if pgbench else "asyncpg"}
    for connections in ground.sizes.floor_connections:
        ground.report(f"{connections} connections")
        async with own_database(ground.server_url, KIND) as url:
            await run_statements(url, TABLE)
            seconds = ground.sizes.floor_seconds
            run = run_pgbench(pgbench, url, connections, seconds) if pgbench else run_asyncpg(url, connections, seconds)
            numbers[f"commit_floor.conns_{connections}.per_s"], rows = await run
            await check_rows(url, rows)
    return numbers


def find_pgbench() -> str | None:
    """Find pgbench on PATH, else Debian's newest."""
    found = sorted(DEBIAN.glob("*/bin/pgbench"), key=lambda path: path.parent.parent.name.zfill(3))
    return shutil.which("pgbench") or (str(found[-1]) if found else None)


async def run_pgbench(pgbench: str, url: str, connections: int, seconds: float) -> tuple[float, int]:
    """Let pgbench insert for whole seconds; its rate without connecting, and how many rows it says it wrote."""
    parts = urlsplit(url)
    told = inherited_environment()
    if parts.password is not None:  # not among the arguments, which every user of the machine can read
        told["PGPASSWORD"] = unquote(parts.password)
        host = parts.netloc.rpartition("@")[2]
        url = urlunsplit(parts._replace(netloc=f"{parts.username}@{host}"))
    command = [pgbench, "--no-vacuum", "--protocol=prepared", "--file=/dev/stdin", f"--time={max(1, round(seconds))}"]
    command += [f"--client={connections}", f"--jobs={min(connections, THREADS)}", url]
    script = INSERT.format(f"'{SAID}'") + ";"
    done = await anyio.run_process(command, input=script.encode(), env=told, check=False)
    rate, rows = (pattern.search(done.stdout.decode()) for pattern in (RATE, DONE))
    if done.returncode or rate is None or rows is None:
        raise DisprovedError(what="the end of pgbench", found=done.stderr.decode().strip()[-200:], expected="a rate")
    return float(rate[1]), int(rows[1])


async def run_asyncpg(url: str, connections: int, seconds: float) -> tuple[float, int]:
    """Insert with asyncpg, which prepares what it runs; the rate, and how many inserts were answered."""
    rows = 0
    opened = [await asyncpg.connect(url) for _ in range(connections)]

    async def insert(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        nonlocal rows
        while perf_counter() < began + seconds:
            await connection.execute(INSERT.format("$1"), SAID)
            rows += 1

    try:
        began = perf_counter()
        async with anyio.create_task_group() as group:
            for connection in opened:
                group.start_soon(insert, connection)
        elapsed = perf_counter() - began
    finally:
        for connection in opened:
            await connection.close()
    return rows / elapsed, rows


async def check_rows(url: str, rows: int) -> None:
    """Count the rows, and ask whether their commits were waited for."""
    connection = await asyncpg.connect(url)
    try:
        require("the count of rows", await connection.fetchval("select count(*) from floor"), rows)
        require("synchronous_commit", await connection.fetchval("show synchronous_commit"), "on")
    finally:
        await connection.close()
