"""chat-memory doctor: green where all is well, else red with a remedy."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from chat_memory.cli.checkup import probe
from chat_memory.errors import FoldError
from chat_memory.server.app import Opened
from chat_memory.storage import chat_work
from chat_memory.storage.database import Database
from chat_memory.tools.toolbox import Toolbox
from tests.chats import append, claim_one
from tests.cli.conftest import Program
from tests.messages_server import messages_server
from tests.summarizers import Broken

SECRET = "hunter2"  # noqa: S105 - stands for a password
NAMES = ["Python", "Database", "Durability", "Migrations", "Bell", "Summarizer", "Work", "Probe"]


def marks_and_names(stdout: str) -> list[list[str]]:
    """Return the first two words of every line."""
    return [line.split()[:2] for line in stdout.splitlines()]


def test_a_fresh_data_folder_is_green(alone: Program) -> None:
    done = alone.run("doctor")
    assert marks_and_names(done.stdout) == [["✓", name] for name in NAMES], done.stderr
    assert f"embedded, in {alone.environment['CHAT_MEMORY_DATA_DIR']}" in done.stdout
    assert "fsync on, synchronous_commit on" in done.stdout
    assert "by extraction: no text leaves it" in done.stdout
    assert done.returncode == 0


def test_a_dead_database_is_red_with_a_remedy_and_the_rest_is_not_checked(alone: Program) -> None:
    """Fails without the `except` in checkup.examine, or without Chart.close."""
    done = alone.run("doctor", CHAT_MEMORY_DATABASE_URL=f"postgresql://ann:{SECRET}@127.0.0.1:1/chats")
    assert marks_and_names(done.stdout) == [["✓", "Python"], ["✗", "Database"], *(["-", name] for name in NAMES[2:])]
    assert "No PostgreSQL answers at 127.0.0.1:1/chats" in done.stdout
    assert "Check CHAT_MEMORY_DATABASE_URL, or unset it" in done.stdout
    assert done.stdout.count("not checked") == 6
    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.parametrize("password", [SECRET, f"1/{SECRET}", f"a/{SECRET}", f"a?{SECRET}", f"a#{SECRET}"])
def test_a_password_is_never_printed_not_even_one_that_breaks_the_url(alone: Program, password: str) -> None:
    """Fails when database.describe_url or open_database quote parts of a URL they could not read."""
    done = alone.run("doctor", CHAT_MEMORY_DATABASE_URL=f"postgresql://ann:{password}@127.0.0.1:1/chats")
    assert "✗ Database" in done.stdout
    assert SECRET not in done.stdout + done.stderr


async def test_the_probe_leaves_nothing_behind(on_database: Program, db: Database) -> None:
    """Fails without forget in checkup.forgotten."""
    done = on_database.run("doctor")
    assert "✓ Probe" in done.stdout
    assert done.stdout.count(" ms") == 5
    assert await count_chats(db) == 0


async def test_a_probe_that_fails_is_forgotten_too(box: Toolbox) -> None:
    """Fails when checkup.forgotten has no `finally`."""
    broken = replace(box, summarizer=Broken())
    with pytest.raises(FoldError):
        await probe(Opened(broken, "alice"))
    assert await count_chats(box.db) == 0


async def test_failed_chats_are_red_and_the_probe_is_still_made(on_database: Program, db: Database) -> None:
    """Fails without `healthy=` in checkup.count_work."""
    await append(db, "stuck", "Remember this.")
    claim = await claim_one(db, "stuck")
    async with db.session() as session:
        assert await chat_work.record_failure(session, claim, "no", timedelta(), max_attempts=1)
    done = on_database.run("doctor")
    assert (
        "✗ Work        0 chats due, 0 leased, 1 failed. Failed chats wait for help: `chat-memory failed list`"
        in done.stdout
    )
    assert "✓ Probe" in done.stdout
    assert done.returncode == 1


async def test_a_bell_that_is_not_heard_is_red_and_the_rest_is_still_checked(
    on_database: Program, server_url: str
) -> None:
    """Fails without the `except` in checkup.examine_bell."""
    done = on_database.run("doctor", CHAT_MEMORY_LISTEN_URL=server_url)
    assert "✗ Bell        No change announced through" in done.stdout
    assert "Set CHAT_MEMORY_LISTEN_URL to the same database without a pooler between" in done.stdout
    assert "✓ Probe" in done.stdout
    assert done.returncode == 1


async def count_chats(db: Database) -> int:
    """Count all chats there are."""
    async with db.session() as session:
        return int(await session.connection.fetchval("select count(*) from chat_memory.chat_work"))


async def test_a_key_that_works_is_green_with_what_it_cost(on_database: Program) -> None:
    with messages_server("test-key") as provider:
        done = on_database.run("doctor", ANTHROPIC_API_KEY="test-key", ANTHROPIC_BASE_URL=provider.url)
    assert "✓ Summarizer  Memory is made by the model claude-haiku-5-5 at 127.0.0.1" in done.stdout
    assert re.search(r"It answered in \d+\.\d s, \d+ tokens in and \d+ out; 0\.00\d+ USD spent today", done.stdout)
    assert "test-key" not in done.stdout
    assert done.returncode == 0


async def test_a_key_that_is_refused_is_red_with_a_remedy_and_the_probe_is_still_folded(on_database: Program) -> None:
    """Fails without the `except` in checkup.examine_summarizer."""
    with messages_server("another-key") as provider:
        done = on_database.run("doctor", ANTHROPIC_API_KEY="test-key", ANTHROPIC_BASE_URL=provider.url)
    assert "✗ Summarizer" in done.stdout
    assert (
        "127.0.0.1 refused the key or the model 'claude-haiku-5-5' (HTTP 401): check ANTHROPIC_API_KEY" in done.stdout
    )
    assert "✓ Probe" in done.stdout
    assert done.returncode == 1


async def test_a_model_that_is_demanded_without_a_key_is_red(on_database: Program) -> None:
    done = on_database.run("doctor", CHAT_MEMORY_SUMMARIZER="claude", ANTHROPIC_CONFIG_DIR="/nowhere")
    assert "✗ Summarizer  CHAT_MEMORY_SUMMARIZER is claude, but no credential was found" in done.stdout
    assert done.returncode == 1
