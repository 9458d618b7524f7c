"""The cursor: leases, fences, back-off."""

from datetime import timedelta
from uuid import uuid4

import anyio
import pytest

from chat_memory.storage import chat_work
from chat_memory.storage.chat_work import Claim, Cursor
from chat_memory.storage.database import Database, Session
from tests.chats import LEASE, OWNER, append, claim_due, claim_one, draft, key_of, pass_time
from tests.folding import finish_fold, hold_lease, renew_lease, store_draft

SECOND = timedelta(seconds=1)


async def read(db: Database, chat_id: str) -> Cursor:
    async with db.session() as session:
        cursor = await chat_work.read_cursor(session, key_of(chat_id), OWNER)
    assert cursor is not None
    return cursor


async def finish(db: Database, claim: Claim, covers_seq: int) -> bool:
    """Write as a fold does: the fence first."""
    async with db.session() as session:
        if not await hold_lease(session, claim):
            return False
        await finish_fold(session, claim, covers_seq)
    return True


async def test_new_turns_make_a_chat_due(db: Database) -> None:
    """Without `due_at` in append_calls nothing would ever be folded."""
    await append(db, "a", "hello")
    async with db.session() as session:
        assert await chat_work.find_due_buckets(session, 256) == [key_of("a").bucket]


async def test_a_living_lease_is_nobody_elses(db: Database) -> None:
    """Without `due_at` set to the lease's end in claim_chats a second worker would fold the same turns."""
    await append(db, "a", "hello")
    await claim_one(db, "a")
    pass_time(db, LEASE - SECOND)
    assert await claim_due(db, key_of("a")) == []


async def test_an_expired_lease_gives_the_chat_back(db: Database) -> None:
    """A worker that dies loses its claim, not the turns; the claim never handed back is counted."""
    await append(db, "a", "hello")
    first = await claim_one(db, "a")
    pass_time(db, LEASE + SECOND)
    second = await claim_one(db, "a")
    assert second.token != first.token
    assert (first.lease_expiries, second.lease_expiries, second.attempts) == (0, 1, 0)


async def test_workers_that_claim_at_once_never_share_a_chat(db: Database) -> None:
    """Without `for update` they would share."""
    for number in range(40):
        await append(db, f"chat {number}", "hello")
    async with db.session() as session:
        buckets = await chat_work.find_due_buckets(session, 256)
    claimed: list[Claim] = []

    async def claim_everything() -> None:
        for bucket in buckets:
            async with db.session() as session:
                claimed.extend(await chat_work.claim_chats(session, bucket, 3, LEASE, uuid4()))

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(claim_everything)
    assert len(claimed) == 40
    assert len({claim.key for claim in claimed}) == 40


async def test_a_claim_takes_no_more_than_its_limit_and_the_most_overdue_first(db: Database) -> None:
    """Without `materialized` the limit is asked again for every row; without `order by` new chats starve old ones."""
    names = [name for name in (f"chat {number}" for number in range(5_000)) if key_of(name).bucket == 0][:12]
    for name in reversed(names):
        await append(db, name, "one")
        pass_time(db, SECOND)
    async with db.session() as session:
        claims = await chat_work.claim_chats(session, 0, 5, LEASE, uuid4())
    assert {claim.key for claim in claims} == {key_of(name) for name in names[-5:]}


async def test_a_claim_passes_over_a_chat_that_is_being_written(db: Database) -> None:
    """Without `skip locked` one slow writer would hold every worker up."""
    names = [name for name in (f"chat {number}" for number in range(5_000)) if key_of(name).bucket == 0][:2]
    for name in names:
        await append(db, name, "one")

    async def claim_meanwhile(session: Session) -> list[Claim]:
        await chat_work.lock_chat(session, key_of(names[0]), OWNER)
        with anyio.fail_after(10):
            return await claim_due(db, key_of(names[0]))
        raise AssertionError

    assert [claim.key for claim in await db.transact(claim_meanwhile)] == [key_of(names[1])]


async def test_a_claim_whose_answer_was_lost_is_given_back(db: Database) -> None:
    """The connection broke after the claim: without hand_back_claims its chats would wait for the lease to end."""
    await append(db, "a", "one")
    token = uuid4()
    async with db.session() as session:
        await chat_work.claim_chats(session, key_of("a").bucket, 10, LEASE, token)
        assert await chat_work.hand_back_claims(session, key_of("a").bucket, token) == 1
    assert (await claim_one(db, "a")).lease_expiries == 0


async def test_a_claim_asked_again_after_a_lost_answer_is_answered_again(db: Database) -> None:
    await append(db, "a", "one")
    token = uuid4()
    async with db.session() as session:
        first = await chat_work.claim_chat(session, key_of("a"), LEASE, token)
        assert await chat_work.claim_chat(session, key_of("a"), LEASE, token) is not None
        assert await chat_work.claim_chat(session, key_of("a"), LEASE, uuid4()) is None
    assert first is not None


async def test_a_renewed_lease_lasts(db: Database) -> None:
    await append(db, "a", "hello")
    claim = await claim_one(db, "a")
    pass_time(db, LEASE - SECOND)
    async with db.session() as session:
        assert await renew_lease(session, claim, LEASE)
    pass_time(db, LEASE - SECOND)
    assert await claim_due(db, key_of("a")) == []


async def test_a_lost_lease_can_do_nothing_any_more(db: Database) -> None:
    """The fence: without `lease_token = $3` in any of these queries a zombie would write over a living worker."""
    await append(db, "a", "hello")
    zombie = await claim_one(db, "a")
    pass_time(db, LEASE + SECOND)
    living = await claim_one(db, "a")
    async with db.session() as session:
        assert not await renew_lease(session, zombie, LEASE)
        assert not await store_draft(session, zombie, draft(1))
        assert not await hold_lease(session, zombie)
        assert not await chat_work.hand_back_leases(session, [zombie])
        assert not await chat_work.record_failure(session, zombie, "late", LEASE, 1)
        await finish_fold(session, zombie, 1)
    assert await read(db, "a") == Cursor(1, 0)
    assert await finish(db, living, 1)


async def test_turns_that_arrive_during_a_fold_make_the_chat_due_again(db: Database) -> None:
    """finish_folds compares head_seq; append_calls leaves a leased chat's due_at alone."""
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    await append(db, "a", "two")
    assert await claim_due(db, key_of("a")) == [], "the lease's end was moved by an append"
    assert await finish(db, claim, 1)
    again = await claim_one(db, "a")
    assert again.cursor == Cursor(2, 1)


async def test_a_folded_chat_rests(db: Database) -> None:
    await append(db, "a", "one")
    assert await finish(db, await claim_one(db, "a"), 1)
    pass_time(db, timedelta(days=365))
    assert await claim_due(db, key_of("a")) == []


async def test_a_chat_handed_back_is_due_at_once_and_keeps_its_draft(db: Database) -> None:
    """A crash or a shutdown after the model answered never pays the model again."""
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    async with db.session() as session:
        assert await store_draft(session, claim, draft(1))
        assert await chat_work.hand_back_leases(session, [claim])
    again = await claim_one(db, "a")
    assert again.draft == draft(1)
    assert (again.attempts, again.lease_expiries) == (0, 0)


async def test_a_failed_fold_waits_and_is_counted(db: Database) -> None:
    """Without the back-off in record_failure a poisoned chat would be claimed for ever."""
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    async with db.session() as session:
        assert not await chat_work.record_failure(session, claim, "it broke", 10 * SECOND, 3)
    assert await claim_due(db, key_of("a")) == []
    pass_time(db, 11 * SECOND)
    assert (await claim_one(db, "a")).attempts == 1


async def test_new_turns_do_not_cut_a_back_off_short(db: Database) -> None:
    await append(db, "a", "one")
    async with db.session() as session:
        await chat_work.record_failure(session, await claim_one(db, "a"), "it broke", 10 * SECOND, 3)
    await append(db, "a", "two")
    assert await claim_due(db, key_of("a")) == []


async def test_too_many_failures_make_a_chat_wait_for_help(db: Database) -> None:
    await append(db, "a", "one")
    for attempt in range(3):
        claim = await claim_one(db, "a")
        async with db.session() as session:
            failed = await chat_work.record_failure(session, claim, "it broke", SECOND, 3)
        assert failed == (attempt == 2)
        pass_time(db, 2 * SECOND)
    await append(db, "a", "two")
    assert await claim_due(db, key_of("a")) == []
    assert (await read(db, "a")).failed


async def test_who_waits_may_claim_a_failed_chat(db: Database) -> None:
    """summarize is help: it takes the chat back, and a written fold clears the failure."""
    await append(db, "a", "one")
    async with db.session() as session:
        await chat_work.record_failure(session, await claim_one(db, "a"), "it broke", SECOND, 1)
        claim = await chat_work.claim_chat(session, key_of("a"), LEASE, uuid4())
    assert claim is not None
    assert await finish(db, claim, 1)
    assert await read(db, "a") == Cursor(1, 1, failed=False)


async def test_nobody_claims_what_is_held_or_done(db: Database) -> None:
    await append(db, "a", "one")
    async with db.session() as session:
        held = await chat_work.claim_chat(session, key_of("a"), LEASE, uuid4())
        assert held is not None
        assert await chat_work.claim_chat(session, key_of("a"), LEASE, uuid4()) is None
    assert await finish(db, held, 1)
    async with db.session() as session:
        assert await chat_work.claim_chat(session, key_of("a"), LEASE, uuid4()) is None


async def test_finishing_says_how_long_the_oldest_turn_waited(db: Database) -> None:
    await append(db, "a", "one")
    pass_time(db, 5 * SECOND)
    claim = await claim_one(db, "a")
    async with db.session() as session:
        waited = await finish_fold(session, claim, 1)
    assert 5 <= waited.total_seconds() < 6


async def test_doctor_can_count_the_work(db: Database) -> None:
    for name in ("due", "leased", "failed"):
        await append(db, name, "one")
    async with db.session() as session:
        leased = await chat_work.claim_chat(session, key_of("leased"), LEASE, uuid4())
        failing = await chat_work.claim_chat(session, key_of("failed"), LEASE, uuid4())
        assert leased is not None
        assert failing is not None
        await chat_work.record_failure(session, failing, "it broke", SECOND, 1)
        counts = await chat_work.count_work(session)
    assert (counts.due, counts.leased, counts.failed) == (1, 1, 1)


@pytest.mark.parametrize("state", ["pending_summarization", "ready_to_write", "failed", "complete"])
async def test_operators_see_the_state_of_every_turn(db: Database, state: str) -> None:
    """The view reads the cursor; a status column beside it could disagree."""
    await append(db, "a", "one", "two")
    claim = await claim_one(db, "a")
    async with db.session() as session:
        if state == "ready_to_write":
            await store_draft(session, claim, draft(2))
        elif state == "failed":
            await chat_work.record_failure(session, claim, "it broke", SECOND, 1)
        elif state == "complete":
            await finish_fold(session, claim, 2)
        rows = await session.connection.fetch(
            "select new_context_snippet, status, error_message from chat_memory.chat_context_queue order by id"
        )
    expected_error = "it broke" if state == "failed" else None
    assert [tuple(row) for row in rows] == [("one", state, expected_error), ("two", state, expected_error)]


async def test_a_draft_nobody_can_read_is_made_anew(db: Database) -> None:
    """Without the except in read_draft one draft of another version of the program would end every worker's claim."""
    await append(db, "a", "hello")
    claim = await claim_one(db, "a")
    async with db.session() as session:
        await store_draft(session, claim, draft(1))
        await session.connection.execute("update chat_memory.chat_work set draft = draft || '{\"of_tomorrow\": 1}'")
        await chat_work.hand_back_leases(session, [claim])
    again = await claim_one(db, "a")
    assert (again.key, again.draft) == (key_of("a"), None)
