"""The scenes: each breaks one kind of thing while callers write. What is wrong is in the book."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress

import anyio
import anyio.to_thread
import asyncpg

from tests.chaos.book import LOOK_SECONDS, PATIENCE, until
from tests.chaos.processes import Lasting, Mortal, Portal
from tests.chaos.stage import Company, Stage, playing
from tests.chaos.verdict import read
from tests.connections import Cut, Proxy, cutting_proxy
from tests.storage.embedded_occupant import Place, end_server

BACKENDS = """
select pid from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
"""


CROWD = Company(doorways=2, guests=2, workers=2)


async def kill_processes(stage: Stage, kills: int, company: Company = CROWD) -> None:
    """SIGKILL servers and workers at random moments, now and then several at once."""
    async with playing(stage, company):
        await kill_some(stage, kills)


async def kill_some(stage: Stage, kills: int) -> None:
    """Kill one process that runs, sometimes two, at one moment after the other, until so many were killed."""
    while killed(stage) < kills:
        await stage.moment()
        for mortal in stage.random.sample(stage.mortals, k=1 if stage.random.random() < 0.8 else 2):
            await kill(stage, mortal)


async def kill_folders(stage: Stage) -> None:
    """Kill every process that folds without being asked."""
    for mortal in stage.mortals:
        if isinstance(mortal, Lasting):
            await kill(stage, mortal)


async def kill(stage: Stage, mortal: Mortal) -> None:
    """Kill a process if it runs."""
    if await anyio.to_thread.run_sync(mortal.kill):
        stage.book.counts[kind_of(mortal)] += 1


def killed(stage: Stage) -> int:
    """Count how many processes were killed."""
    return sum(mortal.kills for mortal in stage.mortals)


def kind_of(mortal: Mortal) -> str:
    """Name what was killed."""
    return "workers killed" if isinstance(mortal, Lasting) and not isinstance(mortal, Portal) else "servers killed"


async def end_postgresql(stage: Stage, place: Place, ends: int) -> None:
    """Stop PostgreSQL, kill it, kill one of its backends, restart it: in turn, while callers write."""
    ways = [kill_postgresql, stop_postgresql, crash_postgresql, restart_postgresql]
    async with playing(stage, Company(doorways=1, guests=2, workers=1)):
        for number in range(ends):
            await stage.moment()
            await ways[number % len(ways)](stage, place)
            await until_it_answers(stage)


async def kill_postgresql(stage: Stage, place: Place) -> None:
    """SIGKILL the postmaster; its backends follow when they notice. Started again at once."""
    await anyio.to_thread.run_sync(place.kill_server)
    stage.book.counts["postgresql killed"] += 1
    await anyio.to_thread.run_sync(place.start)


async def stop_postgresql(stage: Stage, place: Place) -> None:
    """Stop it in order, and leave it so until a caller was told."""
    told = stage.book.errors.total()
    await anyio.to_thread.run_sync(end_server, place.server_pid(), place.cluster(), signal.SIGINT)
    stage.book.counts["postgresql stopped"] += 1
    await until(lambda: stage.book.errors.total() > told)
    await anyio.to_thread.run_sync(place.start)


async def crash_postgresql(stage: Stage, _: Place) -> None:
    """SIGKILL one backend: PostgreSQL ends all others and recovers."""
    backends = [row["pid"] for row in await read(stage.url, BACKENDS)]
    with suppress(ProcessLookupError, IndexError):
        os.kill(stage.random.choice(backends), signal.SIGKILL)
        stage.book.counts["backends killed"] += 1


async def restart_postgresql(stage: Stage, place: Place) -> None:
    """Stop it in order and start it again: a package upgrade."""
    await anyio.to_thread.run_sync(end_server, place.server_pid(), place.cluster(), signal.SIGINT)
    stage.book.counts["postgresql restarted"] += 1
    await anyio.to_thread.run_sync(place.start)


async def until_it_answers(stage: Stage) -> None:
    """Wait until PostgreSQL takes connections."""
    with anyio.fail_after(PATIENCE):
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await read(stage.url, "select 1")
                return
            await anyio.sleep(LOOK_SECONDS)


async def revive_postgresql(stage: Stage, place: Place, ends: int) -> None:
    """Kill and stop the embedded PostgreSQL under processes that own it together: whoever needs it starts it again."""
    ways: list[Callable[[], None]] = [
        place.kill_server,
        lambda: end_server(place.server_pid(), place.cluster(), signal.SIGINT),
    ]
    names = ["postgresql killed", "postgresql stopped"]
    async with playing(stage, Company(doorways=2, guests=0, workers=1)):
        for number in range(ends):
            await stage.moment()
            await anyio.to_thread.run_sync(ways[number % 2])
            stage.book.counts[names[number % 2]] += 1
            await until_it_answers(stage)


async def cut_connections(stage: Stage, cuts: int) -> None:
    """Cut connections to PostgreSQL: around the commit, in the middle of statements and of answers.

    Servers and workers by turns, each behind a proxy of its own. Servers do not fold and writes have no keys, so that
    what a server commits is a write whose outcome nothing but its call's id can tell.
    """
    async with cutting_proxy(stage.reached) as servers, cutting_proxy(stage.reached) as workers:
        stage.told = {**stage.told, "CHAT_MEMORY_DATABASE_URL": servers.url}
        stage.told_workers = {"CHAT_MEMORY_DATABASE_URL": workers.url}
        async with playing(stage, Company(doorways=1, guests=2, workers=1, keyed=0), WORKER="false"):
            for number in range(cuts):
                await stage.moment()
                cut = [*Cut][number // 2 % len(Cut)]
                await cut_one((servers, workers)[number % 2], cut)
                stage.book.counts[f"connections cut {cut}"] += 1


async def cut_one(proxy: Proxy, cut: Cut) -> None:
    """Cut the next connection that gives occasion, and wait for it."""
    proxy.cut = cut
    proxy.armed = True
    await until(lambda: not proxy.armed)
