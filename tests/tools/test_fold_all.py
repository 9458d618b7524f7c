"""Chats claimed together are folded together, and what one of them suffers from is its own."""

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from chat_memory.errors import FoldError, LostLeaseError
from chat_memory.models import Delta, Draft
from chat_memory.prompts.pacing import THREAD_CHARACTERS
from chat_memory.prompts.summarizer import FoldRequest, Proposal
from chat_memory.storage import chat_work
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Database
from chat_memory.tools.fold import fold_all
from chat_memory.tools.toolbox import Toolbox
from tests.chats import LEASE, OWNER, append, claim_due, key_of, name_neighbours, pass_time
from tests.folding import store_draft
from tests.summarizers import Broken, Slow, Transcript

CHATS = name_neighbours(4)


async def claim_all(db: Database) -> list[Claim]:
    """Claim the four chats, in the order of CHATS."""
    claimed = {claim.key: claim for claim in await claim_due(db, key_of(CHATS[0]))}
    return [claimed[key_of(name)] for name in CHATS]


@pytest.fixture
async def claims(db: Database) -> list[Claim]:
    """Four chats of one bucket with a turn each, claimed at once."""
    for name in CHATS:
        await append(db, name, "poison" if name == CHATS[1] else "hello")
    return await claim_all(db)


async def done(db: Database) -> list[int]:
    """How far each chat is folded."""
    async with db.session() as session:
        cursors = [await chat_work.read_cursor(session, key_of(name), OWNER) for name in CHATS]
    return [cursor.done_seq if cursor else -1 for cursor in cursors]


async def test_chats_claimed_together_are_written_in_one_transaction(
    box: Toolbox, db: Database, claims: list[Claim]
) -> None:
    """With a write for each chat in _fold_part a claim of a hundred would take six hundred statements."""
    assert await fold_all(replace(box, summarizer=Transcript()), claims) == [1, 1, 1, 1]
    async with db.session() as session:
        commits = await session.connection.fetchval(
            "select count(distinct xmin::text) from chat_memory.memory_versions"
        )
    assert commits == 1


async def test_a_chat_that_cannot_be_folded_fails_alone(box: Toolbox, db: Database, claims: list[Claim]) -> None:
    """With the error raised in make_drafts instead of kept with its chat, all four would fail and be counted."""
    outcomes = await fold_all(replace(box, summarizer=Broken(RuntimeError(), poison="poison")), claims)
    assert [outcomes[place] for place in (0, 2, 3)] == [1, 1, 1]
    assert isinstance(outcomes[1], FoldError)
    assert await done(db) == [1, 0, 1, 1]
    pass_time(db, timedelta(minutes=10))
    (again,) = await claim_due(db, key_of(CHATS[0]))
    assert (again.key, again.attempts) == (key_of(CHATS[1]), 1)


async def test_a_memory_nobody_can_read_fails_alone(box: Toolbox, db: Database, claims: list[Claim]) -> None:
    """With the error raised in read_starting instead of kept with its chat, all four would fail and be counted."""
    box = replace(box, summarizer=Transcript())
    await fold_all(box, claims)
    for name in CHATS:
        await append(db, name, "and again")
    async with db.session() as session:
        broken = "update chat_memory.chat_metadata set user_confirmed = '[{}]' where chat = $1"
        await session.connection.execute(broken, key_of(CHATS[1]).chat)
    outcomes = await fold_all(box, await claim_all(db))
    assert [outcomes[place] for place in (0, 2, 3)] == [2, 2, 2]
    assert isinstance(outcomes[1], FoldError)
    assert await done(db) == [2, 1, 2, 2]
    pass_time(db, timedelta(minutes=10))
    (again,) = await claim_due(db, key_of(CHATS[0]))
    assert (again.key, again.attempts) == (key_of(CHATS[1]), 1)


async def test_a_chat_that_was_taken_over_fails_alone(box: Toolbox, db: Database, claims: list[Claim]) -> None:
    """Without the look at what store_drafts kept its answer would go on to the write, only to be refused there."""
    async with db.session() as session:
        await chat_work.hand_back_leases(session, [claims[2]])
    outcomes = await fold_all(replace(box, summarizer=Transcript()), claims)
    assert [outcomes[place] for place in (0, 1, 3)] == [1, 1, 1]
    assert isinstance(outcomes[2], LostLeaseError)
    assert await done(db) == [1, 1, 0, 1]


async def test_a_long_chat_does_not_hold_up_those_claimed_with_it(box: Toolbox, db: Database) -> None:
    """Without the parts in _fold_claimed three short chats would wait for the one whose reading takes its time."""

    class Reading(Slow):
        async def fold(self, request: FoldRequest) -> Proposal:
            long = len(request.turns[0].content) >= THREAD_CHARACTERS
            return await (super().fold(request) if long else Transcript().fold(request))

    for name in CHATS:
        await append(db, name, "x" * THREAD_CHARACTERS if name == CHATS[0] else "hello")
    claims, reading = await claim_all(db), Reading()
    async with anyio.create_task_group() as group:
        group.start_soon(fold_all, replace(box, summarizer=reading), claims)
        with anyio.fail_after(20):
            while await done(db) != [0, 1, 1, 1]:  # noqa: ASYNC110 - rows of another task
                await anyio.sleep(0.01)
            reading.may_answer.set()
    assert await done(db) == [1, 1, 1, 1]


async def test_chats_whose_fold_is_cancelled_are_all_handed_back(
    box: Toolbox, db: Database, claims: list[Claim]
) -> None:
    """Without the shielded hand-back of fold_all every one of them would wait for its lease to end."""
    slow = Slow()
    async with anyio.create_task_group() as group:
        group.start_soon(fold_all, replace(box, summarizer=slow), claims)
        await slow.started.wait()
        group.cancel_scope.cancel()
    again = await claim_all(db)
    assert [(claim.attempts, claim.lease_expiries) for claim in again] == [(0, 0)] * 4


async def test_what_a_crash_left_is_written_beside_what_is_new(box: Toolbox, db: Database, claims: list[Claim]) -> None:
    """Without the look for a draft in _make_draft its summarizer would be asked, and paid, a second time."""
    async with db.session() as session:
        draft = Draft(base_version=0, upto_seq=1, delta=Delta(summary="From the draft."), summarizer="paid")
        await store_draft(session, claims[2], draft)
    pass_time(db, LEASE + timedelta(seconds=1))
    summarizer = Transcript()
    assert await fold_all(replace(box, summarizer=summarizer), await claim_all(db)) == [1, 1, 1, 1]
    assert len(summarizer.asked) == 3
