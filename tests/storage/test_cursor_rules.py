"""The cursor's finer rules: what a claim, a failure, a written fold and the end of a chat leave behind."""

from datetime import timedelta
from uuid import uuid4

import anyio
import anyio.lowlevel

from chat_memory.models import Memory, chat_key
from chat_memory.storage import chat_work, lives, receipts
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.database import Database
from chat_memory.storage.ledger import Ledger
from chat_memory.storage.receipts import Span
from tests.chats import LEASE, OWNER, append, call, claim_due, claim_one, draft, key_of, pass_time, until_somebody_waits
from tests.folding import finish_fold, hold_lease, store_draft, write_memory

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LOW = next(name for name in (f"chat {n}" for n in range(5_000)) if key_of(name).bucket == 0)
HIGH = next(name for name in (f"chat {n}" for n in range(5_000)) if key_of(name).bucket == 255)
STILL_FREE = "select count(*) from (select from chat_memory.chat_work for update skip locked) as free"


async def test_a_held_lease_keeps_others_from_the_row(db: Database) -> None:
    """Without `for update` in hold_leases a chat could be forgotten between the fence and the memory, which stays."""
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    async with db.session() as writer, writer.connection.transaction(), db.session() as other:
        assert await hold_lease(writer, claim)
        assert await other.connection.fetchval(STILL_FREE) == 0


async def test_who_waits_takes_over_an_expired_lease(db: Database) -> None:
    """Without `due_at <= clock.at` in claim_chat summarize could not help a chat whose worker died; it is counted."""
    await append(db, "a", "one")
    await claim_one(db, "a")
    pass_time(db, LEASE + SECOND)
    async with db.session() as session:
        claim = await chat_work.claim_chat(session, key_of("a"), LEASE, uuid4())
        assert claim is not None
        assert claim.lease_expiries == 1
        again = await chat_work.claim_chat(session, key_of("a"), LEASE, claim.token)
    assert again is not None
    assert again.lease_expiries == 1, "the same claim, asked again"


async def test_a_written_fold_forgives_everything(db: Database) -> None:
    """Without the resets in finish_folds the next failure would be the last, and an old draft folded again."""
    await append(db, "a", "one", "two")
    async with db.session() as session:
        await chat_work.record_failure(session, await claim_one(db, "a"), "it broke", SECOND, 9)
        pass_time(db, 2 * SECOND)
        await claim_one(db, "a")
        pass_time(db, LEASE + SECOND)
        claim = await claim_one(db, "a")
        assert (claim.attempts, claim.lease_expiries) == (1, 1)
        await store_draft(session, claim, draft(1))
        await finish_fold(session, claim, 1)
        again = await claim_one(db, "a")
        last_error = await session.connection.fetchval("select last_error from chat_memory.chat_work")
    assert (again.attempts, again.lease_expiries, again.draft, last_error) == (0, 0, None, None)


async def test_a_failed_fold_drops_its_draft(db: Database) -> None:
    """Without `draft = null` in record_failure the next fold would write again what failed."""
    await append(db, "a", "one")
    async with db.session() as session:
        claim = await claim_one(db, "a")
        await store_draft(session, claim, draft(1))
        await chat_work.record_failure(session, claim, "it broke", SECOND, 9)
        pass_time(db, 2 * SECOND)
    assert (await claim_one(db, "a")).draft is None


async def test_waiting_is_measured_from_the_oldest_turn_left(db: Database) -> None:
    """Without coalesce in append_calls the newest turn would count; without next_turn_at in finish_folds the first."""
    await append(db, "a", "one")
    pass_time(db, 5 * HOUR)
    await append(db, "a", "two")
    waits: list[timedelta] = []
    for covers in (1, 2):
        async with db.session() as session:
            waits.append(await finish_fold(session, await claim_one(db, "a"), covers))
        pass_time(db, 3 * HOUR)
    assert [wait // HOUR for wait in waits] == [5, 3]


async def test_only_the_claims_of_a_lost_answer_are_given_back(db: Database) -> None:
    """Without `lease_token = $2` in hand_back_claims every lease of the bucket would be lost."""
    await append(db, LOW, "one")
    living = await claim_one(db, LOW)
    async with db.session() as session:
        assert await chat_work.hand_back_claims(session, 0, uuid4()) == 0
        assert await hold_lease(session, living)


async def test_an_error_is_kept_short(db: Database) -> None:
    """Without ERROR_CHARACTERS in record_failure."""
    await append(db, "a", "one")
    async with db.session() as session:
        await chat_work.record_failure(session, await claim_one(db, "a"), "x" * 10_000, SECOND, 9)
        kept = await session.connection.fetchval("select length(last_error) from chat_memory.chat_work")
    assert kept == chat_work.ERROR_CHARACTERS


async def test_a_chat_held_by_a_fold_is_forgotten_whole(db: Database) -> None:
    """Without the lock in lives.forget, or `for update` in hold_leases, a fold's memory would outlive its chat."""
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    async with anyio.create_task_group() as group, db.session() as session, session.connection.transaction():
        assert await hold_lease(session, claim)
        group.start_soon(lives.forget, db, OWNER, key_of("a"))
        await until_somebody_waits(db)
        await write_memory(session, claim.key, StoredMemory(1, Memory()), 1)
    async with db.session() as session:
        assert await session.connection.fetchval("select count(*) from chat_memory.chat_metadata") == 0


async def test_a_cancelled_caller_does_not_stop_its_forgetting(db: Database) -> None:
    """Without the shield in lives.forget a client that leaves at once would leave its chat behind."""
    await append(db, "a", "one")
    async with anyio.create_task_group() as group:
        group.start_soon(lives.forget, db, OWNER, key_of("a"))
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    async with db.session() as session:
        assert await chat_work.read_cursor(session, key_of("a"), OWNER) is None


async def test_a_repeated_call_is_told_what_is_pending_now(db: Database) -> None:
    """Without `head_seq - done_seq` in _append_once a retry would say its turns are folded."""
    await append(db, "a", "zero")
    await Ledger(db).append(call("a", "hello", idempotency_key="k"))
    again = await Ledger(db).append(call("a", "hello", idempotency_key="k"))
    assert (again.span, again.head_seq, again.pending) == (Span(2, 2), 2, 2)


async def test_old_keys_go_a_thousand_at_a_time(db: Database) -> None:
    """Without `limit 1000` in expire_receipts one statement would delete a day of keys."""
    key = key_of("a")
    async with db.session() as session:
        await session.connection.execute(
            "insert into chat_memory.receipts select $1, $2, n::text, '', 1, 1, now() - interval '2 days'"
            " from generate_series(1, 1001) as n",
            *key,
        )
        age = timedelta(days=1)
        gone = [await receipts.expire_receipts(session, key.bucket, age) for _ in range(3)]
    assert gone == [1000, 1, 0]


async def test_the_most_overdue_bucket_comes_first(db: Database) -> None:
    """Without `order by min(due_at)` in find_due_buckets a busy low bucket would starve the others."""
    await append(db, HIGH, "one")
    pass_time(db, HOUR)
    await append(db, LOW, "one")
    async with db.session() as session:
        assert await chat_work.find_due_buckets(session, 1) == [255]


async def test_a_hastened_chat_is_due_whatever_it_waited_for(db: Database) -> None:
    """Without `failed_at = null` or `due_at = clock.at` in hasten_chat nobody would come for it."""
    for max_attempts in (9, 1):
        await append(db, "a", "one")
        async with db.session() as session:
            await chat_work.record_failure(session, await claim_one(db, "a"), "it broke", HOUR, max_attempts)
            assert await claim_due(db, key_of("a")) == []
            assert await chat_work.hasten_chat(session, key_of("a"))
            cursor = await chat_work.read_cursor(session, key_of("a"), OWNER)
            assert cursor is not None
            assert not cursor.failed
            await finish_fold(session, await claim_one(db, "a"), cursor.head_seq)
            assert not await chat_work.hasten_chat(session, key_of("a")), "nothing pending, nothing due"


async def test_a_living_lease_is_not_hastened(db: Database) -> None:
    """Without `lease_token is null` in hasten_chat a second worker would fold beside the first."""
    await append(db, "a", "one")
    await claim_one(db, "a")
    async with db.session() as session:
        assert not await chat_work.hasten_chat(session, key_of("a"))
    assert await claim_due(db, key_of("a")) == []


async def test_the_many_chats_of_one_owner_do_not_stand_before_anothers(db: Database) -> None:
    """Without `round` in claim_chats whoever comes after a flood would wait for all of it."""
    flood = [name for name in (f"flood {number}" for number in range(20_000)) if key_of(name).bucket == 7][:12]
    for name in flood:
        await append(db, name, "hello")
    late = next(name for name in (f"late {number}" for number in range(5_000)) if chat_key("bob", name).bucket == 7)
    await Ledger(db).append(call(late, "hello", owner="bob"))
    async with db.session() as session:
        claims = await chat_work.claim_chats(session, 7, 3, LEASE, uuid4())
    assert {claim.key for claim in claims} == {*map(key_of, flood[:2]), chat_key("bob", late)}
