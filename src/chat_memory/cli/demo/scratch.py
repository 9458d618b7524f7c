"""A data folder of a command's own: made for one run, and left by nobody."""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from chat_memory.settings import PREFIX, inherited_environment
from chat_memory.storage.embedded import start_embedded
from chat_memory.storage.embedded.datafolder import open_data_folder
from chat_memory.storage.embedded.postmaster import is_running

PASSABLE = 0o755
"""As root PostgreSQL runs as another user, who must get through to its folder."""
LEASE_SECONDS = 1.0
"""How long a killed server's claim stands here, so that nobody watches the default of half a minute go by."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """The folder, and the servers started on it."""

    folder: Path
    pids: list[int] = field(default_factory=list[int])

    @property
    def data_dir(self) -> Path:
        """The embedded PostgreSQL's."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the servers write to stderr."""
        return self.folder / "server.log"

    @property
    def environment(self) -> dict[str, str]:
        """Our environment without our settings: the user's database and key are none of the demo's business."""
        inherited = {name: value for name, value in inherited_environment().items() if not name.startswith(PREFIX)}
        ours = {"DATA_DIR": str(self.data_dir), "LEASE_SECONDS": str(LEASE_SECONDS), "SUMMARIZER": "extractive"}
        return inherited | {f"{PREFIX}{name}": value for name, value in ours.items()}

    def last_words(self) -> str:
        """Return the last line the servers wrote."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return lines[-1] if lines else "none"

    def list_left(self) -> list[str]:
        """List what still runs and should not."""
        left = [f"server process {pid} still runs" for pid in self.pids if is_alive(pid)]
        return [*left, *(["the embedded PostgreSQL still runs"] if self.has_postgres() else [])]

    def has_postgres(self) -> bool:
        """Tell whether a PostgreSQL runs on the data folder."""
        return self.data_dir.exists() and is_running(open_data_folder(self.data_dir))


@contextmanager
def scratch_folder(*, keep: bool, name: str = "demo") -> Generator[Scratch]:
    """Make a temporary folder; at the end stop what a killed server left running, and remove it unless it is kept."""
    scratch = Scratch(Path(tempfile.mkdtemp(prefix=f"chat-memory-{name}-")))
    scratch.folder.chmod(PASSABLE)
    try:
        yield scratch
    finally:
        if scratch.has_postgres():
            start_embedded(scratch.data_dir).close()  # joined, then left by its last user, which stops it
        if not keep:
            shutil.rmtree(scratch.folder)


def is_alive(pid: int) -> bool:
    """Tell whether a process with this pid runs."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
