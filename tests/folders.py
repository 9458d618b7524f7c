"""Data folders that PostgreSQL can reach, and the end of a PostgreSQL."""

import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

MEMORY_BYTES = 1024**3
"""Room that must be free in memory: a test's clusters, several times over."""


def make_root() -> Path:
    """Make a folder everybody may enter: as root PostgreSQL runs as another user, who must get through.

    In memory where there is plenty: a cluster is 46 MB of new files, and every test has a database of its own.
    """
    memory = Path("/dev/shm")  # noqa: S108 - a folder of a random name is made in it
    there = os.statvfs(memory) if memory.exists() else None
    fits = there and there.f_bavail * there.f_frsize > MEMORY_BYTES and not there.f_flag & os.ST_NOEXEC
    root = Path(tempfile.mkdtemp(prefix="chat-memory-test-", dir=memory if fits else "/tmp"))  # noqa: S108
    root.chmod(0o755)
    return root


@contextmanager
def open_folder() -> Generator[Path]:
    """Make such a folder for a while."""
    folder = make_root()
    yield folder
    shutil.rmtree(folder)


def kill_postmaster(data_dir: Path) -> None:
    """Kill the embedded PostgreSQL of a data folder the hard way."""
    (pid_file,) = data_dir.glob("*/cluster/postmaster.pid")
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
