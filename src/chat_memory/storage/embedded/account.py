"""The OS user that runs the embedded PostgreSQL: ourselves, or as root another, because PostgreSQL refuses root."""

import errno
import os
import pwd
import subprocess
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from chat_memory.errors import NoAccountError

ROOT = 0
SERVICE_NAMES = ("postgres", "nobody")  # whom root picks: the first that exists
ASK_SECONDS = 10.0  # for one look per folder: longer means a hanging file system
# Nothing of ours is handed on: no API key, no PGPORT. Without a locale macOS refuses to start PostgreSQL.
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/local/bin:/usr/bin:/bin"}
SHELL = Path("/bin/sh")
# The kernel is asked, as that user: permission bits alone know nothing of access lists.
FIRST_BLOCKED = """
index=0
for path do
  if [ -d "$path" ]; then [ -x "$path" ]; elif [ -e "$path" ]; then [ -r "$path" ]; fi || { echo $index; exit; }
  index=$((index + 1))
done
"""


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """An OS user, and the way to run programs as that user."""

    name: str
    uid: int
    gid: int

    def run(self, command: Sequence[str | Path], text: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a program to its end with `text` as its input; output and errors come back as one text."""
        with self._explained():
            return subprocess.run(  # noqa: S603 - our own programs and arguments, and no shell reads them
                command,
                input=text,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=seconds,
                check=False,
                cwd="/",
                env=ENVIRONMENT,
                **self._identity(),
            )

    def start(self, command: Sequence[str | Path], log: int) -> subprocess.Popen[bytes]:
        """Start a program that outlives us: its own session, its words in `log`, and no other descriptor of ours."""
        with self._explained():
            return subprocess.Popen(  # noqa: S603 - our own programs and arguments, and no shell reads them
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
                **self._identity(),
            )

    def first_blocked(self, paths: Sequence[Path]) -> Path | None:
        """Return the first that exists and is a folder this user cannot enter, or a file it cannot read, or None."""
        try:
            found = self.run([SHELL, "-c", FIRST_BLOCKED, "sh", *paths], "", ASK_SECONDS).stdout.strip()
        except subprocess.TimeoutExpired:
            raise TimeoutError(errno.ETIMEDOUT, "The file system does not answer", str(paths[-1])) from None
        return paths[int(found)] if found.isdigit() else None

    def _identity(self) -> _Identity:
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": os.getgrouplist(self.name, self.gid)}

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in {errno.EPERM, errno.EINVAL}:
                raise NoAccountError(reason=f"root may not become {self.name} here ({error.strerror})") from error
            raise


def choose_account(folders: Iterable[Path]) -> Account:
    """Return who runs the server: ourselves, or as root the owner of the first folder not root's, or a service user."""
    if os.geteuid() != ROOT:
        return _account_of(os.geteuid())
    owners = [folder.stat().st_uid for folder in folders if folder.exists()]
    for owner in owners:
        if owner != ROOT:
            return _account_of(owner)
    return _service_account()


def name_of_root() -> str:
    """Return what user 0 is called here."""
    return _account_of(ROOT).name


def _account_of(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise NoAccountError(reason=f"user {uid} has no name in the user database, which PostgreSQL needs") from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _service_account() -> Account:
    for name in SERVICE_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise NoAccountError(reason=f"PostgreSQL refuses to run as root, and there is no user {' or '.join(SERVICE_NAMES)}")
