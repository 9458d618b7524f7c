"""Reading's finer rules: what is shown of a chat, in which order, how old it is, and what the schema refuses."""

from datetime import timedelta

import asyncpg
import pytest

from chat_memory.errors import ForbiddenCharacterError
from chat_memory.models import Caller, Fact, Memory, Message
from chat_memory.storage import chat_metadata
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.database import Database
from chat_memory.storage.snapshots import PENDING_TURNS
from chat_memory.tools.get_history import get_history
from chat_memory.tools.get_memory import FIRST_LINE_CHARACTERS, list_chats, read_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory
from tests.chats import append, key_of, pass_time
from tests.folding import write_memory

HOUR = timedelta(hours=1)


async def say(box: Toolbox, caller: Caller, chat_id: str, *contents: str) -> None:
    await update_memory(box, caller, chat_id, [Message(role="user", content=content) for content in contents])


def fact(number: int, key: str) -> Fact:
    return Fact(
        id=f"f{number}",
        key=key,
        value=f"value {number}",
        basis="inferred",
        source_seq=1,
        quote="q",
        first_version=number,
        last_version=number,
    )


async def test_of_too_many_pending_turns_the_newest_are_shown(box: Toolbox, alice: Caller) -> None:
    """Without `order by seq desc` in read_snapshots the oldest would be shown, the newest named."""
    for _ in range(4):
        await say(box, alice, "a", *(["x"] * 100))
    reply = await read_memory(box, alice, "a", 100_000)
    assert reply.pending_omitted is not None
    assert [reply.pending_turns[0].seq, reply.pending_turns[-1].seq] == [401 - PENDING_TURNS, 400]
    named = reply.pending_omitted
    assert (named.first_seq, named.last_seq, named.count) == (1, 400 - PENDING_TURNS, 400 - PENDING_TURNS)


async def test_a_turn_longer_than_a_reply_names_its_whole_length(box: Toolbox, alice: Caller) -> None:
    """Without length(newest.content) in read_snapshots the length of the cut would be told."""
    await say(box, alice, "a", "x" * 5_000)
    (turn,) = (await read_memory(box, alice, "a", 256)).pending_turns
    assert turn.cut_from == 5_000
    assert turn.content.endswith("…")


async def test_every_field_of_a_memory_is_replaced(db: Database) -> None:
    """A column missing in write_memories' `do update` fails here."""
    await append(db, "a", "one")
    first = StoredMemory(1, Memory(user_confirmed=(fact(1, "a"),), llm_inferred=(fact(2, "b"),), general_summary="c"))
    second = StoredMemory(2, Memory(), degraded=True)
    async with db.session() as session:
        for stored, tokens in ((first, 5), (second, 7)):
            pass_time(db, HOUR)
            await write_memory(session, key_of("a"), stored, tokens)
        assert await chat_metadata.read_memory(session, key_of("a")) == second
        row = await session.connection.fetchrow(
            "select token_count, updated_at - created_at as kept from chat_memory.chat_metadata"
        )
    assert row is not None
    assert (row["token_count"], row["kept"] // HOUR) == (7, 1)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("update chat_memory.turns set role = 'note'", "turns_attest_users_only"),
        ("update chat_memory.turns set seq = 0", "turns_start_at_one"),
        ("update chat_memory.turns set role = 'boss', attested = false", "turns_role_is_known"),
        ("update chat_memory.turns set trigger_source = 'x'", "turns_source_is_known"),
        ("update chat_memory.chat_work set done_seq = head_seq + 1", "chat_work_folds_what_exists"),
        ("update chat_memory.chat_work set done_seq = -1", "chat_work_folds_what_exists"),
        ("update chat_memory.chat_work set draft = '{}'", "chat_work_drafts_what_exists"),
        ("update chat_memory.chat_work set lease_token = gen_random_uuid(), due_at = null", "chat_work_leases_end"),
        ("update chat_memory.conversations set bucket = (bucket + 1) % 256", "conversations_bucket_leads"),
        ("update chat_memory.conversations set owner = ''", "conversations_owner_is_bounded"),
    ],
)
async def test_the_schema_refuses_what_no_program_of_ours_writes(db: Database, change: str, constraint: str) -> None:
    """A constraint removed from a migration fails here: it is the last line against a bug of ours."""
    await append(db, "a", "one")
    async with db.session() as session:
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await session.connection.execute(change)
    assert refused.value.constraint_name == constraint


async def remember(box: Toolbox, memory: Memory) -> None:
    async with box.db.session() as session:
        await write_memory(session, key_of("a"), StoredMemory(1, memory), 1)


async def test_what_is_newest_stays_and_in_order(box: Toolbox, alice: Caller) -> None:
    """Without the sort by last_version, the stored order, or the newest lines first in filling."""
    facts = tuple(fact(number, f"key {number}") for number in range(60, 0, -1))
    lines = [f"[{number}] user: something was said here" for number in range(1, 100)]
    await say(box, alice, "a", "hello")
    await remember(box, Memory(user_confirmed=facts))
    shown = list((await read_memory(box, alice, "a", 300)).user_confirmed)
    assert 5 < len(shown) < 60
    assert shown == [f"key {number}" for number in range(60, 60 - len(shown), -1)]
    await remember(box, Memory(general_summary="\n".join(lines)))
    summary = (await read_memory(box, alice, "a", 512)).general_summary.splitlines()
    assert 5 < len(summary) < 99
    assert summary == lines[-len(summary) :]


async def test_two_facts_of_one_key_are_both_shown(box: Toolbox, alice: Caller) -> None:
    """Without the id beside a repeated key one would hide the other, and nothing would name it."""
    await say(box, alice, "a", "hello")
    await remember(box, Memory(llm_inferred=(fact(1, "city"), fact(2, "city"))))
    assert (await read_memory(box, alice, "a")).llm_inferred == {"city (f1)": "value 1", "city": "value 2"}


async def test_history_ends_at_the_first_turn_and_takes_any_number(box: Toolbox, alice: Caller) -> None:
    """Without `page[0].seq > 1` a client would ask for one page more; without NEWEST a big number would be a fault."""
    await say(box, alice, "a", "one", "two")
    page = await get_history(box, alice, "a", before=10**12)
    assert ([turn.seq for turn in page.turns], page.before) == ([1, 2], None)


async def test_an_idempotency_key_with_a_nul_is_refused_in_words(box: Toolbox, alice: Caller) -> None:
    """Without _check_text in check_key PostgreSQL would refuse, without a remedy."""
    with pytest.raises(ForbiddenCharacterError, match="idempotency_key has a NUL"):
        await update_memory(box, alice, "a", [Message(role="user", content="x")], idempotency_key="k\x00")


async def test_the_age_of_what_is_pending_and_of_a_chat_is_told(box: Toolbox, alice: Caller) -> None:
    """Without pending_since in read_snapshots, or age in list_latest_chats."""
    await say(box, alice, "a", "one")
    pass_time(box.db, 5 * HOUR)
    lag_ms = (await read_memory(box, alice, "a")).lag_ms
    assert lag_ms is not None
    assert timedelta(milliseconds=lag_ms) // HOUR == 5
    assert timedelta(seconds=(await list_chats(box, alice)).chats[0].age_seconds) // HOUR == 5


async def test_a_list_line_is_short(box: Toolbox, alice: Caller) -> None:
    """Without FIRST_LINE_CHARACTERS one chat's first words would fill the list."""
    await say(box, alice, "a", "word " * 100)
    assert len((await list_chats(box, alice)).chats[0].first_line) == FIRST_LINE_CHARACTERS


async def test_what_is_folded_is_not_pending(box: Toolbox, alice: Caller) -> None:
    """`seq > done_seq` in read_snapshots: with >= the last folded turn would be shown twice."""
    await say(box, alice, "a", "one")
    await summarize(box, alice, "a")
    await say(box, alice, "a", "two")
    reply = await read_memory(box, alice, "a")
    assert ([turn.seq for turn in reply.pending_turns], reply.pending_omitted) == ([2], None)


async def test_of_a_summary_that_has_no_room_what_covers_most_is_shown(box: Toolbox, alice: Caller) -> None:
    """Fails when the newest lines are shown, or a model's prose is all or nothing; what is missing is counted."""
    lines = [f"[{number}] user: Something was said here again." for number in range(1, 100)]
    lines[3] = "[4] user: Always send Ingrid's invoices to Larsholm by March 15."
    await say(box, alice, "a", "hello")
    await remember(box, Memory(general_summary="\n".join(lines)))
    reply = await read_memory(box, alice, "a", 400)
    shown = reply.general_summary.splitlines()
    assert lines[3] in shown
    assert reply.left_out == {"general_summary": 99 - len(shown)}
    prose = " ".join(line.partition(": ")[2] for line in lines)
    await remember(box, Memory(general_summary=prose))
    reply = await read_memory(box, alice, "a", 400)
    assert "Always send Ingrid's invoices to Larsholm by March 15." in reply.general_summary
    assert reply.left_out == {"general_summary": 1}
