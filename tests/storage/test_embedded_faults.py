"""What a killed server, a killed process or a recycled pid leaves behind never keeps the next start from working."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from chat_memory.errors import StartFailedError, UnusableFolderError, WrongMajorVersionError
from chat_memory.storage.embedded.polling import poll
from chat_memory.storage.embedded.postmaster import PID_FILE, is_postmaster, is_postmaster_by_ps
from chat_memory.storage.embedded.serverlog import LOG_BYTES, find_reason
from tests.storage.embedded_occupant import AS_ROOT, PATIENCE_SECONDS, Place


@pytest.fixture
def stranger(place: Place) -> Generator["subprocess.Popen[bytes]"]:
    """A process of the server's user that is not the server: PostgreSQL would take it for one by its pid."""
    place.furnish()
    user = place.cluster().stat().st_uid if AS_ROOT else None
    with subprocess.Popen(["sleep", "600"], user=user) as process:
        yield process
        process.kill()


async def test_a_killed_server_is_started_again_though_others_hold_it(place: Place) -> None:
    """Fails if holding the shared lock counted as a sign of life; what was committed is there."""
    place.furnish()
    holder = place.occupy()
    connection = await asyncpg.connect(holder.report["url"])
    await connection.execute("create table kept as select 42 as number")
    place.kill_server()
    server = place.start()
    connection.terminate()
    connection = await asyncpg.connect(server.url)
    assert await connection.fetchval("select number from kept") == 42
    await connection.close()
    server.close()
    assert place.server_pid(), "the other holder counts on it"
    holder.leave()
    assert place.is_stopped()


async def test_a_start_waits_for_what_a_killed_server_left_in_memory(place: Place) -> None:
    """Fails without the repeated launch: a lingering backend holds the shared memory, and the first is refused."""
    place.furnish()
    connection = await asyncpg.connect(place.start().url)
    backend = connection.get_server_pid()
    os.kill(backend, signal.SIGSTOP)
    place.kill_server()
    log = place.data_dir / "18" / "server.log"
    with ThreadPoolExecutor(1) as thread:
        try:
            starting = thread.submit(place.start)
            assert poll(lambda: "is still in use" in log.read_text(), PATIENCE_SECONDS)
        finally:
            os.kill(backend, signal.SIGCONT)
        starting.result()
    connection.terminate()
    assert place.server_pid()


def test_a_pid_that_went_to_a_stranger_does_not_stop_a_start(place: Place, stranger: "subprocess.Popen[bytes]") -> None:
    """Fails if the pid file stayed: PostgreSQL refuses to start while that pid lives. The stranger must survive."""
    place.start()
    place.kill_server()
    pid_file = place.cluster() / PID_FILE
    pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split()[0], str(stranger.pid), 1))
    server = place.start()
    assert place.server_pid() != stranger.pid
    server.close()
    assert stranger.poll() is None


def test_the_server_of_another_folder_is_a_stranger(place: Place) -> None:
    """Fails if any process named postgres were taken for ours: it would be waited for, and stopped in the end."""
    place.furnish()
    other = place.furnish(place.root / "other")
    place.start(other)
    neighbour = place.server_pid(other)
    (place.cluster() / PID_FILE).write_text((place.cluster(other) / PID_FILE).read_text())
    place.start().close()
    assert place.server_pid(other) == neighbour


def test_a_zombie_is_not_a_server(place: Place) -> None:
    """Fails if a pid that can be signalled counted as alive: nobody may ever reap a zombie, in a container say."""
    place.furnish()
    user = place.cluster().stat().st_uid if AS_ROOT else None
    with subprocess.Popen(["true"], user=user) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        (place.cluster() / PID_FILE).write_text(f"{zombie.pid}\n{place.cluster()}\n0\n5432\n\n\n\nready\n")
        assert place.start().url
        assert place.server_pid() != zombie.pid


@pytest.mark.parametrize("text", ["", "garbage\n", "999999999\n"])
def test_a_torn_pid_file_does_not_stop_a_start(place: Place, text: str) -> None:
    """Fails if it stayed: PostgreSQL refuses an empty one."""
    place.furnish()
    (place.cluster() / PID_FILE).write_text(text)
    assert place.start().url


def test_a_server_is_told_from_others_without_proc_too(place: Place, stranger: "subprocess.Popen[bytes]") -> None:
    """Fails if `ps`, all that macOS has, were read differently from /proc."""
    place.start()
    pid = place.server_pid()
    for tell in (is_postmaster, is_postmaster_by_ps):
        assert [tell(number, place.cluster()) for number in (pid, stranger.pid, 999999999)] == [True, False, False]
        assert not tell(pid, place.root / "elsewhere")


def test_a_half_made_cluster_is_thrown_away(place: Place) -> None:
    """Fails if a cluster were made under its own name: this one stopped before it had a role."""
    home = place.data_dir / "18"
    half = home / "cluster.new-half"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    place.start()
    assert not half.exists()
    assert (home / "cluster" / "PG_VERSION").exists()


async def test_a_start_killed_while_it_makes_the_cluster_is_made_good(place: Place) -> None:
    """Fails if side folders had one name: the orphaned initdb still writes to its own."""
    home = place.data_dir / "18"
    starter = place.occupy()
    assert poll(lambda: list(home.glob("cluster.new-*/base")) != [], PATIENCE_SECONDS)
    starter.end(signal.SIGKILL)
    connection = await asyncpg.connect(place.start().url)
    assert await connection.fetchval("select count(*) from pg_class") > 0
    await connection.close()


def test_a_damaged_cluster_is_not_replaced_by_an_empty_one(place: Place) -> None:
    """Fails if a missing PG_VERSION meant that there is nothing."""
    place.furnish()
    (place.cluster() / "PG_VERSION").unlink()
    with pytest.raises(UnusableFolderError, match=r"no PG_VERSION\. Restore it from a backup"):
        place.start()


@pytest.mark.parametrize("layout", ["17/cluster", "17", "19/cluster", "18/cluster"])
def test_data_of_another_major_version_stops_a_start(place: Place, layout: str) -> None:
    """Fails if only our own folder were looked at: chats would seem gone."""
    other = place.data_dir / layout
    other.mkdir(parents=True)
    (other / "PG_VERSION").write_text("17\n")
    with pytest.raises(WrongMajorVersionError, match=rf"PostgreSQL 17.*`mv {other} {other}\.old`"):
        place.start()
    assert sorted(path.name for path in other.iterdir()) == ["PG_VERSION"]


@pytest.mark.parametrize("layout", ["", "18"])
def test_a_cluster_of_somebody_else_is_not_built_upon(place: Place, layout: str) -> None:
    """Fails if PG_VERSION were looked for in our own places only."""
    (place.data_dir / layout).mkdir(parents=True)
    (place.data_dir / layout / "PG_VERSION").write_text("18\n")
    with pytest.raises(UnusableFolderError, match="is a data folder of PostgreSQL itself"):
        place.start()


def test_folders_that_only_look_like_versions_are_left_alone(place: Place) -> None:
    """Fails if a number for a name were enough: a year is one too."""
    (place.data_dir / "2024").mkdir(parents=True)
    place.data_dir.chmod(0o755)
    assert place.start().url


def test_a_failed_start_says_why_and_where_to_read_on(place: Place) -> None:
    """Fails if the log were not read; the use it began is given back, so the next start is the last one out again."""
    place.furnish()
    configuration = place.cluster() / "postgresql.conf"
    whole = configuration.read_text()
    configuration.write_text(f"{whole}\nmax_connections = many\n")
    with pytest.raises(StartFailedError, match=r"postgresql\.conf. contains errors.*Its log is .*/18/server\.log"):
        place.start()
    configuration.write_text(whole)
    place.start().close()
    assert place.is_stopped()


def test_the_grave_line_is_the_reason() -> None:
    """Fails if the last line were taken, which is often a hint, a farewell or a consequence."""
    early = "2026 [2] FATAL:  the database system is starting up\n"
    assert find_reason(f"{early}2026 [1] FATAL:  no room\n2026 [1] HINT:  make some\n2026 [1] PANIC:  x\n") == "no room"
    assert find_reason("only words\n") == "only words"
    assert find_reason("") == "it said nothing"


def test_a_long_log_is_put_aside(place: Place) -> None:
    """Fails without the rotation: the log would grow for ever."""
    log = place.furnish() / "18" / "server.log"
    os.truncate(log, LOG_BYTES + 1)
    place.start()
    assert log.stat().st_size < LOG_BYTES
    assert log.with_suffix(".log.old").stat().st_size == LOG_BYTES + 1


@pytest.mark.skipif(sys.platform != "linux", reason="what a container may not read is tried with capabilities")
@pytest.mark.skipif(not AS_ROOT, reason="capabilities are root's to give up")
def test_root_in_a_container_knows_its_server_without_seeing_where_it_works(place: Place) -> None:
    """Fails if the working directory were asked first: without SYS_PTRACE, as in Docker, root cannot read it."""
    place.furnish()
    place.start()
    script = (
        "import os, sys; from pathlib import Path; from chat_memory.storage.embedded.postmaster import is_postmaster;"
        "pid, cluster = sys.argv[1:];"
        "print(os.access(f'/proc/{pid}/cwd', os.F_OK), is_postmaster(int(pid), Path(cluster)))"
    )
    command = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", sys.executable, "-c", script]
    shown = subprocess.run(
        [*command, str(place.server_pid()), str(place.cluster())],
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "False True\n"
