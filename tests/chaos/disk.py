"""The scene about a database whose disk is full: a small file system of its own, and a file that takes what is left."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio.to_thread
import asyncpg

from chat_memory.storage.embedded import EmbeddedServer
from tests.chaos.book import until
from tests.chaos.scenes import until_it_answers
from tests.chaos.stage import Company, Stage, playing
from tests.folders import open_folder
from tests.storage.embedded_occupant import Place

DISK_MEGABYTES = 160
"""Room for a new cluster, its log and a few seconds of work."""
BLOCK = b"\xff" * 4096
REFUSALS = 3
"""So many callers must be told before the disk is given back."""
SWITCHES = 24
"""At most so often a new file of the write-ahead log is asked for, past those kept for reuse: the first that cannot be
made ends PostgreSQL."""
LONG_TURN = 1500


@contextmanager
def small_disk() -> Generator[Path]:
    """Mount a file system of a few megabytes.

    Raises:
        OSError: this user may not mount.
    """
    with open_folder() as folder:
        options = f"size={DISK_MEGABYTES}m,mode=755"
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            raise OSError(mounted.stderr.strip() or "mount failed")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Take every block that is left."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(BLOCK)
    return ballast


async def fill_disk(stage: Stage, place: Place, server: EmbeddedServer, disk: Path) -> None:
    """Fill the database's disk: first under its tables, then under its write-ahead log, which it does not survive."""
    data = server.data_dir
    async with playing(stage, Company(doorways=1, guests=1, workers=1, padding=LONG_TURN)):
        await stage.moment()
        ballast = fill(disk)
        stage.book.counts["disks filled"] += 1
        await until_refused(stage)
        ballast.unlink()
        await stage.book.progress(REFUSALS)
        await use_up_log(stage, server, disk)
        await until_refused(stage)
        ballast.unlink()
        await anyio.to_thread.run_sync(place.start, data)
        await until_it_answers(stage)
        await stage.book.progress(REFUSALS)
    # Its PANIC may be missing: the log is on the disk that was full.
    stage.book.counts["postgresql crashed"] += server.log.read_text(errors="replace").count(
        "was not properly shut down"
    )


async def use_up_log(stage: Stage, server: EmbeddedServer, disk: Path) -> None:
    """Fill the disk, and ask for new files of the write-ahead log until PostgreSQL cannot make one and gives up."""
    connection = await asyncpg.connect(server.admin_url)
    try:
        fill(disk)
        stage.book.counts["disks filled"] += 1
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            for _ in range(SWITCHES):
                await connection.execute("select pg_logical_emit_message(false, 'chaos', 'x'), pg_switch_wal()")
    finally:
        connection.terminate()


async def until_refused(stage: Stage) -> None:
    """Wait until callers were told."""
    told = stage.book.errors.total()
    await until(lambda: stage.book.errors.total() >= told + REFUSALS)


def may_mount() -> bool:
    """Tell whether a small disk can be made here: as root, where the container allows it."""
    if os.geteuid():
        return False
    try:
        with small_disk():
            return True
    except OSError:
        return False
