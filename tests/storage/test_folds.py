"""Folds written in groups: one transaction for many, and what one of them suffers from is its own."""

from datetime import timedelta

import anyio
import pytest

from chat_memory.errors import LostLeaseError, RefusedStatementError, RejectedDeltaError
from chat_memory.models import Change, Memory
from chat_memory.storage import chat_work
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Database, Session
from chat_memory.storage.folds import Folds, Next, Reading, Writing
from tests.chats import OWNER, append, claim_due, draft, key_of, name_neighbours
from tests.folding import write_memory

CHATS = name_neighbours(4)
"""Chats of one bucket: their steps share statements."""


def writing(claim: Claim, summary: str = "Fine.") -> Writing:
    """A fold of one turn; against another memory than the first its draft is refused."""

    async def refuse(_: Session, __: StoredMemory) -> Next:
        raise RejectedDeltaError(reason="it is another memory")

    after = StoredMemory(1, Memory(general_summary=summary))
    return Writing(claim, draft(1), Next(0, after, 1, Change()), refuse)


async def write_all(folds: Folds, writings: list[Writing]) -> list[timedelta | Exception]:
    """Write folds in the same moment."""
    outcomes: dict[int, timedelta | Exception] = {}

    async def write(place: int) -> None:
        try:
            (outcomes[place],) = await folds.write([writings[place]])
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


async def test_a_lost_lease_in_a_group_is_lost_alone(db: Database, claims: list[Claim]) -> None:
    """Without the fence its chat would be written by two."""
    async with db.session() as session:
        await chat_work.hand_back_leases(session, [claims[0]])
    outcomes = await write_all(Folds(db), [writing(claim) for claim in claims])
    assert isinstance(outcomes[0], LostLeaseError)
    assert await done(db) == [0, 1, 1, 1]


async def test_what_is_read_together_is_each_chats_own(db: Database, claims: list[Claim]) -> None:
    await append(db, CHATS[3], "more", "and more")
    folds = Folds(db)
    read: dict[int, list[str]] = {}

    async def read_one(place: int) -> None:
        (starting,) = await folds.read([Reading(claims[place], 1_000)])
        read[place] = [turn.content for turn in starting.pending]

    async with anyio.create_task_group() as group:
        for place in range(4):
            group.start_soon(read_one, place)
    assert read == {0: ["hello"], 1: ["hello"], 2: ["hello"], 3: ["hello", "more", "and more"]}
