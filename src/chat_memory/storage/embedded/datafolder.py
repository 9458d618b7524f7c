"""The data folder of the embedded PostgreSQL: what lies where, whose it is, and what must not be touched."""

import errno
import hashlib
import os
import re
import shlex
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from chat_memory.errors import UnusableFolderError, WrongMajorVersionError
from chat_memory.storage.embedded.account import ROOT, Account, choose_account
from chat_memory.storage.embedded.binaries import MAJOR

PRIVATE = 0o700
PARENT_MODE = 0o755  # of folders root makes on the way: the server's user must pass
VERSION_FILE = "PG_VERSION"  # what PostgreSQL itself knows a cluster by
SOCKET_FILE = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 100  # the kernel's limit is 108 on Linux, 104 on macOS
SOCKET_PATH_CHARACTERS = re.compile(r"[\w/.+ -]+", re.ASCII)  # a comma, say, would mean two hosts in a URL
SHORT_FOLDERS = Path("/tmp")  # noqa: S108 - not TMPDIR: every process must find the same folder; see _check_short


@dataclass(frozen=True)
class DataFolder:
    """One major version's part of a data folder: ours alone, so nothing beside it is ever changed."""

    data_dir: Path
    account: Account

    @property
    def home(self) -> Path:
        """The folder that holds everything of this major version."""
        return self.data_dir / str(MAJOR)

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        """What the server writes its words to."""
        return self.home / "server.log"

    @property
    def socket_dir(self) -> Path:
        """Where the server listens: in its home, or in a short folder where the kernel or a URL could not name that."""
        near = self.home / "socket"
        path = os.fsencode(near / SOCKET_FILE)
        if len(path) <= SOCKET_PATH_BYTES and SOCKET_PATH_CHARACTERS.fullmatch(str(near)):
            return near
        digest = hashlib.sha256(path).hexdigest()[:16]
        return SHORT_FOLDERS / f"chat-memory-{self.account.uid}-{digest}"

    def open_file(self, path: Path, flags: int) -> int:
        """Open a file of ours, made where missing, that only the account can use; never somebody's file by a link."""
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        found = os.fstat(descriptor)
        if found.st_nlink != 1:
            os.close(descriptor)
            raise self.refusal(f"{path} has a second name", f"Remove it: `rm {quoted(path)}`.")
        if found.st_uid != self.account.uid and os.geteuid() == ROOT:
            os.fchown(descriptor, self.account.uid, self.account.gid)
        return descriptor

    def check_reachable(self) -> None:
        """Refuse a folder the server's user cannot enter, naming the first folder in the way; nothing is changed."""
        blocked = self.account.first_blocked([*reversed(self.home.parents), self.home])
        if blocked is not None:
            remedy = (
                "Name a folder outside it in CHAT_MEMORY_DATA_DIR, run chat-memory as its owner, "
                f"or let others pass: `chmod o+x {quoted(blocked)}`."
            )
            raise self.refusal(f"{self.account.name}, who runs PostgreSQL, cannot enter {blocked}", remedy)

    def claim(self, folder: Path) -> None:
        """Make a folder of ours the account's, closed to everyone else."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            found = os.fstat(descriptor)
            if found.st_uid == ROOT != self.account.uid:
                os.fchown(descriptor, self.account.uid, self.account.gid)
            if stat.S_IMODE(found.st_mode) != PRIVATE:
                os.fchmod(descriptor, PRIVATE)
        finally:
            os.close(descriptor)

    def refusal(self, reason: str, remedy: str) -> UnusableFolderError:
        """Return the error that says why this folder cannot be used."""
        return UnusableFolderError(folder=self.data_dir, reason=reason, remedy=remedy)

    @contextmanager
    def errors_explained(self) -> Generator[None]:
        """Turn errors of the file system into one that names what stands in the way."""
        try:
            yield
        except OSError as error:
            if isinstance(error, PermissionError):
                self.check_reachable()
            reason = f"{error.strerror}: {error.filename or self.home}"
            remedy = f"Let {self.account.name} write there, free some space, or name another in CHAT_MEMORY_DATA_DIR."
            raise self.refusal(reason, remedy) from error


def open_data_folder(data_dir: Path) -> DataFolder:
    """Return this major version's part of the data folder, made where missing, or say why it cannot be used."""
    try:
        data_dir = data_dir.expanduser().resolve()
        folder = DataFolder(data_dir, choose_account([data_dir / str(MAJOR), data_dir]))
    except (OSError, RuntimeError) as error:  # a path nobody can make: too long, a loop of links, an unknown ~user
        remedy = "Name another in CHAT_MEMORY_DATA_DIR."
        raise UnusableFolderError(folder=data_dir, reason=str(error).rstrip("."), remedy=remedy) from error
    with folder.errors_explained():
        _refuse_other_data(folder)
        if not folder.home.exists():
            _make_home(folder)
        _refuse_other_owner(folder)
        folder.claim(folder.home)
        _make_socket_dir(folder)
    return folder


def sync_folder(folder: Path) -> None:
    """Make what was created or renamed in a folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_other_data(folder: DataFolder) -> None:
    """Never start empty beside data that another server, or another major version of ours, made."""
    data_dir = folder.data_dir
    versions = [path for path in data_dir.iterdir() if path.name.isdecimal()] if data_dir.exists() else []
    for place in (data_dir, *sorted(versions), *(path / folder.cluster.name for path in sorted(versions))):
        marker = place / VERSION_FILE
        if not marker.exists():
            continue
        found = marker.read_text().strip()
        if found != str(MAJOR):
            raise _wrong_version(place, found)
        if place != folder.cluster:
            remedy = "Name another in CHAT_MEMORY_DATA_DIR."
            raise folder.refusal(f"{place} is a data folder of PostgreSQL itself", remedy)


def _wrong_version(place: Path, found: str) -> WrongMajorVersionError:
    remedy = (
        "save its chats with `chat-memory export`, run by the release that made it, move the folder away with "
        f"`mv {quoted(place)} {quoted(place)}.old`, and start again. `chat-memory import` brings the chats back."
    )
    return WrongMajorVersionError(folder=place, found=found, expected=MAJOR, remedy=remedy)


def _refuse_other_owner(folder: DataFolder) -> None:
    owner = folder.home.stat().st_uid
    if owner not in {folder.account.uid, os.geteuid()}:
        remedy = "Run chat-memory as that user, or name a folder of your own in CHAT_MEMORY_DATA_DIR."
        raise folder.refusal(f"{folder.home} belongs to user {owner}, we are {folder.account.name}", remedy)


def _make_home(folder: DataFolder) -> None:
    """Make the folders that are missing; of those that exist, only an empty data folder of root's changes hands."""
    data_dir = folder.data_dir
    as_root = os.geteuid() == ROOT
    if as_root and data_dir.exists() and data_dir.stat().st_uid == ROOT and not any(data_dir.iterdir()):
        folder.claim(data_dir)
    folder.check_reachable()
    for path in (*reversed(data_dir.parents), data_dir, folder.home):
        if path.exists():
            continue
        if as_root:
            _make_as_root(folder, path)
        else:
            path.mkdir(PRIVATE if path in {data_dir, folder.home} else PARENT_MODE, exist_ok=True)
        sync_folder(path.parent)


def _make_as_root(folder: DataFolder, path: Path) -> None:
    """Make a folder in full and then put it in place: another process must not see one that is not yet passable."""
    side = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    if path in {folder.data_dir, folder.home}:
        folder.claim(side)
    else:
        side.chmod(PARENT_MODE)
    try:
        side.rename(path)
    except OSError as error:
        side.rmdir()
        if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
            raise


def _make_socket_dir(folder: DataFolder) -> None:
    """Make the folder for the socket; one found outside our home may be a trap, and is looked at before it is used."""
    socket_dir = folder.socket_dir
    with suppress(FileExistsError):
        socket_dir.mkdir(PRIVATE)
    if socket_dir.parent != folder.home:
        found = socket_dir.lstat()
        ours = found.st_uid in {folder.account.uid, os.geteuid()}
        if not (stat.S_ISDIR(found.st_mode) and ours and stat.S_IMODE(found.st_mode) == PRIVATE):
            what = f"{stat.filemode(found.st_mode)}, of user {found.st_uid}"
            remedy = f"Remove it: `rm -r {quoted(socket_dir)}`, or name a shorter folder in CHAT_MEMORY_DATA_DIR."
            raise folder.refusal(f"{socket_dir}, where the server would listen, is not ours alone ({what})", remedy)
    folder.claim(socket_dir)


def quoted(path: Path) -> str:
    """Return a path as a shell takes it."""
    return shlex.quote(str(path))
