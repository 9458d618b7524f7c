"""Our own programs as processes that can be killed at any moment, and that come back."""

import os
import random
import signal
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import psutil  # type: ignore[import-untyped] # its stubs would be one more thing to install
from mcp import Client

from chat_memory.storage.embedded.polling import poll
from tests.chaos.book import LOOK_SECONDS, PATIENCE, WEATHER, name_error
from tests.sessions import SERVER, connect, connect_http

WRAPPER = 'echo $$ >"$0/pid"; exec "$@" 2>>"$0/log"'
"""Leaves the pid and the log where we find them, and then is the program."""
EARLY_ENDS = (0, 1, 130, -signal.SIGINT, -signal.SIGTERM)
"""How a program may leave that is told to before it works, or while it gives up for lack of a database."""
LASTING_PORTS = range(16_384, 32_768)
"""Below those that Linux gives to outgoing connections."""
LISTENS = "event=worker_started"
"""A worker that says so answers signals in order from then on."""
WORKS = "event=memory_written"
"""One that has folded since it was started leaves in order."""


def pick_port() -> int:
    """Pick a free port that no outgoing connection is given while its server is between two lives."""
    while True:
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", random.choice(LASTING_PORTS)))  # noqa: S311 - no secret
            return int(probe.getsockname()[1])


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process runs: one that ended and was not yet asked for its code does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@dataclass(slots=True)
class Mortal:
    """A program that is started again and again: its folder with pid and log, and how often we killed it."""

    name: str
    folder: Path
    environment: Mapping[str, str]
    kills: int = 0
    dying: bool = False
    """Killed, and not yet seen gone: who connects now would meet a dead man."""

    def __post_init__(self) -> None:
        """Make its folder."""
        self.folder.mkdir()

    def command(self, *arguments: str) -> list[str]:
        """Return how it is started."""
        return ["sh", "-c", WRAPPER, str(self.folder), *SERVER, *arguments]

    def kill(self) -> bool:
        """Kill it as nobody expects, and see it gone; False when it is not there to be killed."""
        process = self._process()
        if process is None:
            return False
        self.dying = True
        self.kills += 1
        process.kill()
        # A zombie is not enough: its first thread may be one while others still end, and until then its port accepts.
        poll(lambda: not process.is_running(), PATIENCE)
        self.dying = False
        return True

    def signal(self, number: int) -> None:
        """Send it a signal."""
        process = self._process()
        assert process is not None, f"{self.name} does not run"
        process.send_signal(number)

    def _process(self) -> psutil.Process | None:
        """Find it if it runs: a child of this very process, whatever the pid file says."""
        with suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int((self.folder / "pid").read_text()))
            return process if process.ppid() == os.getpid() and is_alive(process) else None
        return None

    @property
    def log(self) -> str:
        """Everything it wrote to stderr, in all its lives."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


class Doorway(Mortal):
    """A server that clients connect to over stdio: a process for every connection."""

    @asynccontextmanager
    async def open(self, era: str) -> AsyncGenerator[Client]:
        """Start it and connect."""
        (self.folder / "pid").unlink(missing_ok=True)
        async with connect(era, self.environment, self.command()) as client:
            yield client


@dataclass(slots=True)
class Lasting(Mortal):
    """A program that runs beside the callers, and is started again when it was killed."""

    arguments: tuple[str, ...] = ("work",)
    faults: list[str] = field(default_factory=list[str])
    """Ends that no kill of ours explains."""

    async def live(self) -> None:
        """Run it until cancelled; told to end, it must end well."""
        while True:
            logged = len(self.log)
            async with await anyio.open_process(self.command(*self.arguments), env=self.environment) as process:
                before = self.kills
                try:
                    code = await process.wait()
                    if self.kills == before and not self._was_told_why(code):
                        self.faults.append(f"{self.name} ended by itself with code {code}")
                except anyio.get_cancelled_exc_class():
                    await self._end(process, logged)
                    raise

    def _was_told_why(self, code: int) -> bool:
        """Tell whether it could not start without a database, and said so: it is started again."""
        last = self.log.splitlines()[-1:] or [""]
        kind = name_error(last[0].removeprefix("chat-memory: "))
        return code == 1 and kind is not None and issubclass(kind, WEATHER)

    async def _end(self, process: anyio.abc.Process, logged: int) -> None:
        with anyio.CancelScope(shield=True), anyio.move_on_after(PATIENCE):
            before = self.kills
            ends = (0,) if WORKS in self.log[logged:] else EARLY_ENDS
            process.terminate()
            code = await process.wait()
            if code not in ends and self.kills == before:
                self.faults.append(f"{self.name} ended with code {code} when it was told to")


@dataclass(slots=True)
class Portal(Lasting):
    """The server over HTTP: one process for all clients that connect by URL."""

    port: int = 0

    def __post_init__(self) -> None:
        """Keep one port through all its lives, as a server behind a name does."""
        super(Portal, self).__post_init__()
        self.port = pick_port()
        self.arguments = ("serve", "--port", str(self.port))

    @asynccontextmanager
    async def open(self, era: str) -> AsyncGenerator[Client]:
        """Connect, once somebody listens."""
        with anyio.fail_after(PATIENCE):
            while self.dying or not await self._listens():  # noqa: ASYNC110 - a port rings no bell
                await anyio.sleep(LOOK_SECONDS)
        async with connect_http(era, f"http://127.0.0.1:{self.port}/mcp") as client:
            yield client

    async def _listens(self) -> bool:
        with suppress(OSError):
            async with await anyio.connect_tcp("127.0.0.1", self.port):
                return True
        return False
