"""Places for embedded servers, and processes that use them, to be killed or sent away; run as a script, one such."""

import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from chat_memory.errors import ChatMemoryError
from chat_memory.storage.embedded import EmbeddedServer, start_embedded
from chat_memory.storage.embedded.binaries import MAJOR, WHEEL
from chat_memory.storage.embedded.polling import poll
from chat_memory.storage.embedded.postmaster import PID_FILE, is_postmaster
from tests.folders import make_root

AS_ROOT = os.geteuid() == 0
NOBODY = 65534  # any user but root will do where an ordinary one is needed
PATIENCE_SECONDS = 30.0  # for what takes less than one: only a broken test waits so long
SECRET = "hunter2"  # noqa: S105 - stands for a key in the environment of the process that starts the server


class Occupant:
    """A process that starts or joins the server of a folder, reports how that went, and stays until told to leave."""

    def __init__(
        self,
        data_dir: Path,
        *,
        user: int = os.geteuid(),
        paths: Sequence[Path] = (),
        file_bytes: int = resource.RLIM_INFINITY,
        without_wheel: bool = False,
    ) -> None:
        """Start the process as `user`, with `paths` first on its import path, files limited to `file_bytes`."""
        orders = json.dumps([str(data_dir), user, file_bytes, without_wheel])
        self.process = subprocess.Popen(
            [sys.executable, __file__, orders],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": os.pathsep.join([*map(str, paths), *sys.path]), "SECRET": SECRET},
            start_new_session=True,
        )
        self.heard: dict[str, str] = {}

    @property
    def report(self) -> dict[str, str]:
        """What became of its start: the server, or the error."""
        if not self.heard:
            self.heard = self._hear()
        return self.heard

    @property
    def socket_dir(self) -> Path:
        """Where the server it uses listens."""
        return Path(self.report["socket_dir"])

    def leave(self) -> None:
        """Let it close its use of the server and end."""
        assert "url" in self.report, self.report
        assert self.process.stdin
        self.process.stdin.write(b"leave\n")
        self.process.stdin.flush()
        assert self._hear() == {"left": "yes"}
        self.end(signal.SIGKILL)

    def end(self, number: int) -> None:
        """Send it a signal that ends it, and wait for that."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE_SECONDS)

    def _hear(self) -> dict[str, str]:
        assert self.process.stdout
        return cast("dict[str, str]", json.loads(self.process.stdout.readline()))


class Place:
    """A folder everybody may enter, for one test's data folders; what was started there is ended with the test."""

    def __init__(self, template: Path) -> None:
        """Make it; `template` is a data folder with a cluster in it."""
        self.root = make_root()
        self.data_dir = self.root / "data"
        self._template = template
        self._occupants: list[Occupant] = []
        self._servers: list[EmbeddedServer] = []

    def furnish(self, data_dir: Path | None = None) -> Path:
        """Put a ready-made cluster into the data folder: a warm start takes a tenth of a cold one."""
        target = data_dir or self.data_dir
        subprocess.run(["cp", "-a", self._template, target], check=True)
        return target

    def occupy(self, data_dir: Path | None = None, **orders: object) -> Occupant:
        """Start a process that uses the server."""
        occupant = Occupant(data_dir or self.data_dir, **orders)  # type: ignore[arg-type]
        self._occupants.append(occupant)
        return occupant

    def start(self, data_dir: Path | None = None) -> EmbeddedServer:
        """Use the server in this process."""
        server = start_embedded(data_dir or self.data_dir)
        self._servers.append(server)
        return server

    def server_pid(self, data_dir: Path | None = None) -> int:
        """Return the server's process."""
        cluster = self.cluster(data_dir)
        pid = int((cluster / PID_FILE).read_text().split()[0])
        assert is_postmaster(pid, cluster)
        return pid

    def cluster(self, data_dir: Path | None = None) -> Path:
        """Return where PostgreSQL's own files are."""
        return (data_dir or self.data_dir) / str(MAJOR) / "cluster"

    def kill_server(self) -> None:
        """Kill the server without a chance to tidy up, and wait until it is gone."""
        end_server(self.server_pid(), self.cluster(), signal.SIGKILL)

    def is_stopped(self) -> bool:
        """Tell whether the server ended by itself and tidied up."""
        return not (self.cluster() / PID_FILE).exists()

    def clear(self) -> None:
        """End everything that was started here."""
        for server in self._servers:
            server.close()
        for occupant in self._occupants:
            occupant.end(signal.SIGKILL)
        for pid_file in self.root.rglob(PID_FILE):
            pid = int(pid_file.read_text().split()[0])
            if is_postmaster(pid, pid_file.parent):
                end_server(pid, pid_file.parent, signal.SIGQUIT)
        sockets = [server.socket_dir for server in self._servers]
        sockets += [occupant.socket_dir for occupant in self._occupants if "url" in occupant.heard]
        for folder in (self.root, *sockets):
            shutil.rmtree(folder, ignore_errors=True)


def end_server(pid: int, cluster: Path, number: int) -> None:
    """Send a server a signal that ends it, and wait for that."""
    os.kill(pid, number)
    assert poll(lambda: not is_postmaster(pid, cluster), PATIENCE_SECONDS)


def occupy(data_dir: str, user: int, file_bytes: int, without_wheel: bool) -> None:  # noqa: FBT001 - read from JSON
    """Be an occupant."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    if user != os.geteuid():
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    if without_wheel:
        sys.path[:] = [path for path in sys.path if not (Path(path) / WHEEL).exists()]
        importlib.invalidate_caches()
    try:
        server = start_embedded(Path(data_dir))
    except ChatMemoryError as error:
        say(error=type(error).__name__, message=str(error), modules=" ".join(sys.modules))
        return
    say(url=server.url, socket_dir=str(server.socket_dir), modules=" ".join(sys.modules))
    if sys.stdin.readline():
        server.close()
        say(left="yes")


def say(**facts: str) -> None:
    """Tell the test."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    occupy(*json.loads(sys.argv[1]))
