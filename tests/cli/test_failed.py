"""chat-memory failed: what waits for help is listed, and tried again when its cause is mended."""

import json
import signal
from datetime import timedelta

import anyio
import pytest

from chat_memory.storage import chat_work, refolds
from chat_memory.storage.database import Database
from chat_memory.tools.awaiting import wait_folded
from chat_memory.tools.toolbox import Toolbox
from tests.chats import OWNER, append, claim_one, key_of
from tests.cli.conftest import PATIENCE_SECONDS, Program, finish
from tests.folding import finish_fold

NAME_THEM = "name chats as `chat-memory failed list` prints them, or queue_ids of receipts, or say --all"


async def fail(db: Database, *chats: str, error: str = "the model said no") -> None:
    """Let chats fail for good."""
    for chat_id in chats:
        await append(db, chat_id, "My budget is £2,400.")
        claim = await claim_one(db, chat_id)
        async with db.session() as session:
            assert await chat_work.record_failure(session, claim, error, timedelta(), max_attempts=1)


def test_on_a_new_data_folder_no_chat_waits(alone: Program) -> None:
    """Fails without migrate in failed.open_fit: there would be no table to look into."""
    done = alone.run("failed", "list")
    assert (done.stdout, done.returncode) == ("No chat waits for help.\n", 0), done.stderr


async def test_failed_chats_are_listed_with_their_last_error(on_database: Program, db: Database) -> None:
    await fail(db, "trip", "house")
    done = on_database.run("failed", "list")
    for chat_id in ("trip", "house"):
        assert any(key_of(chat_id).chat.hex() in line and chat_id in line for line in done.stdout.splitlines())
    assert "the model said no" in done.stdout
    assert "2 of 2 failed chats" in done.stdout
    assert "1 of 2 failed chats" in on_database.run("failed", "list", "--limit", "1").stdout


async def test_programs_get_json(on_database: Program, db: Database) -> None:
    await fail(db, "trip", error='said "no"')
    document = json.loads(on_database.run("failed", "list", "--json").stdout)
    (failure,) = document["failed"]
    assert document["total"] == 1
    assert failure["chat"] == key_of("trip").chat.hex()
    assert (failure["chat_id"], failure["attempts"], failure["last_error"]) == ("trip", 1, 'said "no"')


async def test_a_name_that_would_steer_the_terminal_is_shown_not_obeyed(on_database: Program, db: Database) -> None:
    """Fails without failed.plain; markup of rich is text, too."""
    await fail(db, "\x1b[2J[red]x")
    shown = on_database.run("failed", "list").stdout
    assert "\x1b[2J" not in shown
    assert "[2J[red]x" in shown


async def test_a_redriven_chat_is_folded_by_a_worker_that_sleeps(
    on_database: Program, db: Database, box: Toolbox
) -> None:
    """Its poll is a day away, so only the bell wakes it. Fails without ring in failures, or cli/failed.redrive."""
    await fail(db, "trip", "house")
    worker = on_database.start("work", CHAT_MEMORY_POLL_SECONDS="86400", CHAT_MEMORY_LOG_LEVEL="debug")
    assert worker.stderr is not None
    for line in worker.stderr:
        if "bell_connected" in line:
            break
    done = on_database.run("failed", "redrive", f"{key_of('trip').chat.hex()}-1")
    try:
        with anyio.fail_after(PATIENCE_SECONDS):
            assert await wait_folded(box, OWNER, key_of("trip"), 1, PATIENCE_SECONDS)
    finally:
        finish(worker, signal.SIGTERM)
    assert done.stdout.startswith("1 chats are due again")
    assert done.returncode == 0
    assert "1 of 1 failed chats" in on_database.run("failed", "list").stdout


async def test_all_of_them_can_be_redriven(on_database: Program, db: Database) -> None:
    await fail(db, "trip", "house")
    assert on_database.run("failed", "redrive", "--all").stdout.startswith("2 chats are due again")
    assert (await db.run(chat_work.count_work)).due == 2


async def test_what_the_model_could_not_look_at_again_is_redriven_too(on_database: Program, db: Database) -> None:
    """Fails without redrive_refolds in failed.redrive_named: what extraction made would stay so for ever."""
    await append(db, "trip", "My budget is £2,400.")
    async with db.session() as session:
        await finish_fold(session, await claim_one(db, "trip"), 1, degraded=True)
    assert on_database.run("failed", "redrive", "--all").stdout.startswith("1 chats are due again")
    assert await db.run(lambda session: refolds.find_refold_buckets(session, 5)) == [key_of("trip").bucket]
    assert on_database.run("failed", "redrive", key_of("trip").chat.hex()).returncode == 1


async def test_a_chat_that_does_not_wait_for_help_is_named(on_database: Program, db: Database) -> None:
    """Fails without the exit code in failed.redrive: a script would take a mistyped chat for a mended one."""
    await append(db, "well", "hello")
    done = on_database.run("failed", "redrive", key_of("well").chat.hex())
    assert f"{key_of('well').chat.hex()} does not wait for help" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "No chat was named"),
        (("trip",), "'trip' is no chat"),
        (("{x}",), "'{x}' is no chat"),
        (("0" * 31,), "is no chat"),
        (("0" * 32, "--all"), "--all goes without names"),
    ],
)
def test_what_names_no_chat_is_refused_with_what_would(
    alone: Program, arguments: tuple[str, ...], problem: str
) -> None:
    """Fails without failed.read_names. The database is not even looked for."""
    done = alone.run("failed", "redrive", *arguments, CHAT_MEMORY_DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert f"{problem}: {NAME_THEM}" in done.stderr
    assert done.returncode == 1
