"""Data folders that PostgreSQL can reach, and the end of a PostgreSQL."""

import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder() -> Generator[Path]:
    """Make a temporary folder others may enter: as root PostgreSQL runs as another user, who must get through."""
    folder = Path(tempfile.mkdtemp(prefix="chat-memory-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def kill_postmaster(data_dir: Path) -> None:
    """Kill the embedded PostgreSQL of a data folder the hard way."""
    (pid_file,) = data_dir.glob("*/cluster/postmaster.pid")
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
