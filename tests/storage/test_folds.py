"""Folds written in groups: one transaction for many, and what one of them suffers from is its own."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import anyio
import pytest
from pydantic import ValidationError

from chat_memory.errors import LostLeaseError, RefusedStatementError, RejectedDeltaError
from chat_memory.models import Change, Memory
from chat_memory.storage import chat_work, folds, memory_versions
from chat_memory.storage.chat_metadata import StoredMemory, read_memory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Database, Session, transaction
from chat_memory.storage.folds import Folds, Next, Writing, name_lease
from chat_memory.storage.startings import Reading
from tests.chats import LEASE, OWNER, append, claim_due, draft, key_of, name_neighbours, until_somebody_waits
from tests.folding import write_memory

CHATS = name_neighbours(4)
"""Chats of one bucket: their steps share statements."""


def writing(claim: Claim, summary: str = "Fine.") -> Writing:
    """A fold of one turn; against another memory than the first its draft is refused."""

    async def refuse(_: Session, __: StoredMemory) -> Next:
        raise RejectedDeltaError(reason="it is another memory")

    after = StoredMemory(1, Memory(general_summary=summary))
    return Writing(claim, draft(1), Next(0, after, 1, Change()), refuse)


async def write_all(steps: Folds, writings: list[Writing]) -> list[timedelta | Exception]:
    """Write folds in the same moment."""
    outcomes: dict[int, timedelta | Exception] = {}

    async def write(place: int) -> None:
        try:
            (outcomes[place],) = await steps.write([writings[place]])
        except Exception as error:  # noqa: BLE001 - told to the test
            outcomes[place] = error

    async with anyio.create_task_group() as group:
        for place in range(len(writings)):
            group.start_soon(write, place)
    return [outcomes[place] for place in range(len(writings))]


@pytest.fixture
async def claims(db: Database) -> list[Claim]:
    """Four chats of one bucket, claimed, in the order of CHATS."""
    for name in CHATS:
        await append(db, name, "hello")
    claimed = {claim.key: claim for claim in await claim_due(db, key_of(CHATS[0]))}
    return [claimed[key_of(name)] for name in CHATS]


async def done(db: Database) -> list[int]:
    """How far each chat is folded."""
    async with db.session() as session:
        cursors = [await chat_work.read_cursor(session, key_of(name), OWNER) for name in CHATS]
    return [cursor.done_seq if cursor else -1 for cursor in cursors]


async def test_folds_of_one_moment_share_a_transaction(db: Database, claims: list[Claim]) -> None:
    outcomes = await write_all(Folds(db), [writing(claim) for claim in claims])
    assert all(isinstance(outcome, timedelta) for outcome in outcomes)
    async with db.session() as session:
        commits = await session.connection.fetchval(
            "select count(distinct xmin::text) from chat_memory.memory_versions"
        )
    assert commits == 1
    assert await done(db) == [1, 1, 1, 1]


async def test_only_the_culprit_of_a_group_fails(db: Database, claims: list[Claim]) -> None:
    """Without the tries alone in _write_group one memory that cannot be stored would keep all others back."""
    outcomes = await write_all(
        Folds(db), [writing(claim, "NUL \x00" if claim is claims[1] else "") for claim in claims]
    )
    assert isinstance(outcomes[1], RefusedStatementError)
    assert await done(db) == [1, 0, 1, 1]


async def test_a_draft_that_a_newer_memory_refuses_keeps_nobody_else_back(db: Database, claims: list[Claim]) -> None:
    """Without the tries alone in _write_group its neighbours' folds would be rolled back with it."""
    async with db.session() as session:
        await write_memory(session, claims[2].key, StoredMemory(7, Memory(general_summary="newer")), 1)
    outcomes = await write_all(Folds(db), [writing(claim) for claim in claims])
    assert isinstance(outcomes[2], RejectedDeltaError)
    assert await done(db) == [1, 1, 0, 1]


@pytest.mark.parametrize("degraded", [False, True])
async def test_a_memory_that_turned_unreadable_keeps_nobody_else_back(
    db: Database, claims: list[Claim], *, degraded: bool
) -> None:
    """With only our own errors caught in _write_looking one newer, unreadable row would fail the folds of all four."""
    async with db.session() as session:
        await write_memory(session, claims[2].key, StoredMemory(7, Memory(general_summary="newer")), 1)
        broken = "update chat_memory.chat_metadata set user_confirmed = '[{}]' where chat = $1"
        await session.connection.execute(broken, claims[2].key.chat)
    provisional = draft(1).model_copy(update={"degraded": degraded})
    outcomes = await write_all(Folds(db), [replace(writing(claim), draft=provisional) for claim in claims])
    assert [type(outcome) for outcome in outcomes] == [timedelta, timedelta, ValidationError, timedelta]
    assert await done(db) == [1, 1, 0, 1]


async def test_a_lost_lease_in_a_group_is_lost_alone(db: Database, claims: list[Claim]) -> None:
    """Without the fence its chat would be written by two."""
    async with db.session() as session:
        await chat_work.hand_back_leases(session, [claims[0]])
    outcomes = await write_all(Folds(db), [writing(claim) for claim in claims])
    assert isinstance(outcomes[0], LostLeaseError)
    assert await done(db) == [0, 1, 1, 1]


async def test_leases_are_renewed_in_one_order_whatever_order_they_are_held_in(
    db: Database, claims: list[Claim]
) -> None:
    """Without the sorting in renew_leases two that renew, or write, the same chats could wait for each other."""
    first, *_, last = sorted(claims, key=lambda claim: claim.key)
    async with anyio.create_task_group() as group, db.session() as session, session.connection.transaction():

        async def renew() -> None:
            async with db.session() as other:
                await chat_work.renew_leases(other, [last, first], LEASE)

        await chat_work.lock_chat(session, first.key, OWNER)
        group.start_soon(renew)
        await until_somebody_waits(db)
        await session.connection.execute("set local lock_timeout = '1s'")
        await chat_work.lock_chat(session, last.key, OWNER)


async def test_what_is_read_together_is_each_chats_own(db: Database, claims: list[Claim]) -> None:
    await append(db, CHATS[3], "more", "and more")
    steps = Folds(db)
    read: dict[int, list[str]] = {}

    async def read_one(place: int) -> None:
        (starting,) = await steps.read([Reading(claims[place], 1_000)])
        read[place] = [turn.content for turn in starting.pending]

    async with anyio.create_task_group() as group:
        for place in range(4):
            group.start_soon(read_one, place)
    assert read == {0: ["hello"], 1: ["hello"], 2: ["hello"], 3: ["hello", "more", "and more"]}


async def write_behind(db: Database, claim: Claim, change: str) -> timedelta | None:
    """Write a fold while another transaction holds the chat, changes something, and commits; None: not written."""
    waits: list[dict[tuple[bytes, UUID], timedelta]] = []

    async def write() -> None:
        async with db.session() as session:
            waits.append(await folds.write_unchanged(session, [writing(claim)]))

    async with anyio.create_task_group() as group, db.session() as other, transaction(other):
        await chat_work.lock_chat(other, claim.key, OWNER)
        group.start_soon(write)
        with anyio.fail_after(20):
            while not await waiting_for_locks(db):  # noqa: ASYNC110 - another connection's wait
                await anyio.sleep(0.01)
        await other.connection.execute(change, *claim.key)
    return waits[0].get(name_lease(claim))


async def waiting_for_locks(db: Database) -> int:
    async with db.session() as session:
        waiting = (
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        return int(await session.connection.fetchval(waiting))


NEWER = """
insert into chat_memory.chat_metadata (
    bucket, chat, user_confirmed, llm_inferred, general_summary, token_count, version, degraded, created_at, updated_at
)
values ($1, $2, '[]', '[]', 'newer', 1, 7, false, now(), now())
"""


async def test_a_memory_that_changed_while_its_write_waited_is_not_touched(db: Database, claims: list[Claim]) -> None:
    """Without the version in the conflict clause the statement, whose snapshot is older, would write over it."""
    assert await write_behind(db, claims[0], NEWER) is None
    async with db.session() as session:
        stored = await read_memory(session, claims[0].key)
        kept = await memory_versions.read_versions(session, claims[0].key)
    assert (stored.version, stored.memory.general_summary, kept) == (7, "newer", [])
    assert await done(db) == [0, 0, 0, 0]


async def test_a_turn_that_came_while_the_write_waited_is_pending_and_due(db: Database, claims: list[Claim]) -> None:
    """Without coalesce in write_unchanged, whose snapshot does not see the turn, the chat would wait since no time."""
    more = "update chat_memory.chat_work set head_seq = head_seq + 1 where bucket = $1 and chat = $2"
    assert await write_behind(db, claims[0], more) is not None
    async with db.session() as session:
        row = await session.connection.fetchrow(
            "select head_seq - done_seq as pending, due_at, pending_since from chat_memory.chat_work where chat = $1",
            claims[0].key.chat,
        )
    assert row is not None
    assert row["pending"] == 1
    assert row["due_at"] is not None
    assert row["pending_since"] is not None
