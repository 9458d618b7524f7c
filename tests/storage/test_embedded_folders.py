"""Folders: whose they are, what bars the way to them, and what is never touched."""

import os
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from chat_memory.errors import StartFailedError, UnusableFolderError
from chat_memory.storage.embedded.account import choose_account
from chat_memory.storage.embedded.binaries import PARTS, WHEEL, find_binaries
from chat_memory.storage.embedded.datafolder import SHORT_FOLDERS, DataFolder
from tests.storage.embedded_occupant import AS_ROOT, NOBODY, Place

# As root an ordinary user is played by nobody; otherwise we are one.
ORDINARY = NOBODY if AS_ROOT else os.geteuid()
COLD_START_BYTES = 1024 * 1024  # less than the 16 MiB of a write-ahead log file
NAMELESS = 54321  # in no user database, as in a container started with `--user 54321`
as_root = pytest.mark.skipif(not AS_ROOT, reason="only root runs the server as another user")


def mode_of(path: Path) -> str:
    """Return a path's kind and permissions as `ls` shows them."""
    return stat.filemode(path.lstat().st_mode)


def far_from(place: Place) -> Path:
    """Return a data folder whose path is too long for a socket."""
    return place.root.joinpath(*["far-away" * 3] * 5)


def test_an_ordinary_user_starts_a_server(place: Place) -> None:
    """Fails if starting needed anything of root's."""
    place.root.chmod(0o777)
    occupant = place.occupy(user=ORDINARY)
    assert occupant.report.get("message") is None
    assert place.data_dir.stat().st_uid == ORDINARY
    assert mode_of(place.data_dir) == "drwx------"
    occupant.leave()
    assert place.is_stopped()


@as_root
def test_root_runs_the_server_as_another_user_and_changes_no_parent(place: Place) -> None:
    """Fails if a parent were opened up, or the data folder were not handed over."""
    parent = place.root / "parent"
    parent.mkdir(0o751)
    data_dir = parent / "new" / "data"
    previous = os.umask(0o077)
    try:
        place.start(data_dir)
    finally:
        os.umask(previous)
    assert mode_of(parent) == "drwxr-x--x"
    assert parent.stat().st_uid == 0
    assert mode_of(parent / "new") == "drwxr-xr-x"
    assert data_dir.stat().st_uid == (data_dir / "18").stat().st_uid == place.cluster(data_dir).stat().st_uid != 0
    assert mode_of(data_dir) == "drwx------"
    if sys.platform == "linux":
        assert (Path("/proc") / str(place.server_pid(data_dir))).stat().st_uid == data_dir.stat().st_uid


@as_root
def test_an_empty_folder_of_roots_is_taken_and_a_used_one_left_as_it_is(place: Place) -> None:
    """Fails if `mktemp -d` were refused, or a folder with other things in it changed hands."""
    place.data_dir.mkdir(0o700)
    place.start()
    assert place.data_dir.stat().st_uid != 0
    used = place.root / "used"
    used.mkdir(0o700)
    (used / "diary").touch()
    with pytest.raises(UnusableFolderError, match=f"cannot enter {used}\\."):
        place.start(used)
    assert [path.name for path in used.iterdir()] == ["diary"]
    used.chmod(0o755)
    place.start(used)
    assert used.stat().st_uid == 0
    assert mode_of(used) == "drwxr-xr-x"


def test_a_data_folder_below_a_closed_one_is_refused_by_the_name_of_the_first(place: Place) -> None:
    """Fails without the check: PostgreSQL itself names only the last folder, and nothing must be opened or made."""
    closed = place.root / "closed"
    inside = closed / "inside"
    inside.mkdir(parents=True, mode=0o700)
    closed.chmod(0o700 if AS_ROOT else 0o000)
    try:
        if AS_ROOT:
            with pytest.raises(UnusableFolderError, match=f"cannot enter {closed}\\. .*chmod o\\+x {closed}`"):
                place.start(inside / "data")
            assert list(inside.iterdir()) == []
        report = place.occupy(inside / "data", user=ORDINARY).report
        assert report["error"] == "UnusableFolderError"
        assert f"cannot enter {closed}. " in report["message"]
        assert mode_of(closed) == ("drwx------" if AS_ROOT else "d---------")
    finally:
        closed.chmod(0o700)


@as_root
async def test_programs_below_a_closed_folder_are_copied_once(place: Place) -> None:
    """Fails if the wheel had to be reachable: a venv in root's home is not. The copy is made once, and old ones go."""
    site = closed_site(place)
    home = place.furnish() / "18"
    (home / "binaries-old").mkdir()
    copies: set[int] = set()
    for _ in range(2):
        occupant = place.occupy(paths=[site])
        connection = await asyncpg.connect(occupant.report["url"])
        await connection.execute("do $$ begin end $$")  # loads a library
        await connection.close()
        copies.update(path.stat().st_ino for path in home.glob("binaries-*"))
        occupant.leave()
    assert len(copies) == 1
    assert mode_of(site.parent) == "drwx------"


def test_a_folder_that_cannot_be_written_is_refused(place: Place) -> None:
    """Fails if the system's error came through as it is."""
    read_only = place.root / "read-only"
    read_only.mkdir(0o555)
    report = place.occupy(read_only / "data", user=ORDINARY).report
    assert report["error"] == "UnusableFolderError"
    assert f"Permission denied: {read_only / 'data'}" in report["message"]
    assert "CHAT_MEMORY_DATA_DIR" in report["message"]


def test_a_file_where_the_folder_should_be_is_refused(place: Place) -> None:
    """Fails if the system's error came through as it is."""
    place.data_dir.touch()
    with pytest.raises(UnusableFolderError, match=f"Not a directory: {place.data_dir}"):
        place.start()


def test_a_cluster_that_cannot_be_finished_is_taken_away_with_its_reason(place: Place) -> None:
    """Fails if initdb's words were lost, or its half-made cluster stayed; a limit stands for a full disk."""
    place.root.chmod(0o777)
    report = place.occupy(user=ORDINARY, file_bytes=COLD_START_BYTES).report
    assert report["error"] == "StartFailedError"
    assert "initdb: " in report["message"]
    assert str(place.data_dir / "18" / "server.log") in report["message"]
    assert sorted(path.name for path in (place.data_dir / "18").glob("cluster*")) == []
    assert place.occupy(user=ORDINARY).report.get("message") is None


@as_root
@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
@pytest.mark.parametrize("furnished", [False, True])
def test_a_full_disk_is_told_as_such(place: Place, *, furnished: bool) -> None:
    """Fails if PostgreSQL's or the system's reason were lost: a full disk cannot even take the log."""
    place.data_dir.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=60m" if furnished else "size=20m", "tmpfs", place.data_dir]
    subprocess.run(mounted, check=True)
    try:
        if furnished:
            subprocess.run(["cp", "-a", f"{place.furnish(place.root / 'made')}/.", place.data_dir], check=True)
            fill(place.data_dir / "filling")
        with pytest.raises((UnusableFolderError, StartFailedError), match="No space left on device"):
            place.start()
    finally:
        subprocess.run(["umount", "-l", place.data_dir], check=True)


async def test_a_path_too_long_for_a_socket_gets_a_short_folder(place: Place) -> None:
    """Fails if the socket lay in the data folder: the kernel takes about 100 bytes."""
    server = place.start(far_from(place))
    assert server.socket_dir.parent == SHORT_FOLDERS
    assert mode_of(server.socket_dir) == "drwx------"
    connection = await asyncpg.connect(server.url)
    await connection.close()
    assert place.start(far_from(place)).url == server.url


async def test_a_path_of_odd_characters_works(place: Place) -> None:
    """Fails if a path were put into a URL, a setting or a shell as it is."""
    for name in ("My Memory +1", 'it\'s, "50 %" für $HOME'):
        server = place.start(place.furnish(place.root / name))
        connection = await asyncpg.connect(server.url)
        await connection.close()


@pytest.mark.parametrize(
    "kind",
    [
        "a link to a folder of ours",
        "a file",
        "a folder open to all",
        pytest.param("a folder of another", marks=as_root),
    ],
)
def test_a_planted_socket_folder_is_refused(place: Place, kind: str) -> None:
    """Fails without a look before use: who owns the socket's folder can put a server of his own there."""
    ours = place.root / "ours"
    ours.mkdir(0o700)
    trap = DataFolder(far_from(place), choose_account([])).socket_dir
    plant(trap, kind, ours)
    try:
        with pytest.raises(UnusableFolderError, match=f"{trap}, where the server would listen, is not ours alone"):
            place.start(far_from(place))
        assert list(ours.iterdir()) == []
    finally:
        subprocess.run(["rm", "-rf", trap], check=True)


def test_a_link_in_place_of_our_own_files_is_not_followed(place: Place) -> None:
    """Fails if files of ours were opened by name only: root would write to somebody else's, and hand it over."""
    precious = place.root / "precious"
    precious.write_text("keep me")
    for make in (os.symlink, os.link):
        for name in ("start.lock", "server.log"):
            planted = place.furnish(place.root / f"{make.__name__}-{name}") / "18" / name
            planted.unlink()
            make(precious, planted)
            with pytest.raises(UnusableFolderError):
                place.start(planted.parent.parent)
    assert precious.read_text() == "keep me"
    assert precious.stat().st_uid == os.geteuid()


def test_a_link_to_the_data_folder_is_the_data_folder(place: Place) -> None:
    """Fails if paths were compared as they are written: data on another disk is often linked to."""
    place.furnish()
    link = place.root / "link"
    link.symlink_to(place.data_dir)
    assert place.start(link).url == place.start().url


@as_root
def test_a_user_without_a_name_is_told_so(place: Place) -> None:
    """Fails if initdb were left to find out: PostgreSQL needs names to know users by."""
    report = place.occupy(user=NAMELESS).report
    assert report["error"] == "NoAccountError"
    assert f"user {NAMELESS} has no name" in report["message"]
    assert "CHAT_MEMORY_DATABASE_URL" in report["message"]


@as_root
def test_the_folder_of_another_user_is_refused(place: Place) -> None:
    """Fails if the first error of many came through: the folder is private, and stays so."""
    place.furnish()
    report = place.occupy(user=NOBODY).report
    assert report["error"] == "UnusableFolderError"
    assert f"cannot enter {place.data_dir}. " in report["message"]


def closed_site(place: Place) -> Path:
    """Return a copy of the wheel below a folder only root can enter."""
    source = find_binaries().site
    site = place.root / "closed" / "site"
    for part in (*PARTS, f"{WHEEL}/__init__.py"):
        if (source / part).exists():
            (site / part).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", source / part, site / part], check=True)
    site.parent.chmod(0o700)
    return site


def plant(trap: Path, kind: str, ours: Path) -> None:
    """Put something where the socket's folder will be looked for."""
    match kind:
        case "a file":
            trap.touch(0o700)
        case "a link to a folder of ours":
            trap.symlink_to(ours)
        case _:
            trap.mkdir(0o700)
            if kind == "a folder of another":
                os.chown(trap, NAMELESS, NAMELESS)
            else:
                trap.chmod(0o777)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
