"""The fold's finer rules, and those of who asks for one and waits: summarize, update_memory, the worker."""

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from chat_memory.errors import DatabaseUnreachableError, FoldError, LostLeaseError
from chat_memory.models import Caller, Delta, Message
from chat_memory.prompts.extractive import Extractive
from chat_memory.prompts.summarizer import FoldRequest, Proposal
from chat_memory.settings import Settings
from chat_memory.storage import chat_metadata, chat_work, memory_versions
from chat_memory.storage.bell import Bell, Ring
from chat_memory.storage.chat_work import Cursor
from chat_memory.storage.database import Database, open_database
from chat_memory.storage.ledger import Ledger
from chat_memory.tools.awaiting import wait_folded
from chat_memory.tools.fold import fold
from chat_memory.tools.forget import forget
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory
from chat_memory.worker import Worker
from tests.chats import LEASE, OWNER, append, call, claim_due, claim_one, draft, key_of, pass_time
from tests.folding import finish_fold
from tests.storage.test_bell import Ears, ring_until_heard
from tests.summarizers import Answering, Broken, Transcript, stated

PATIENCE = 60.0
"""Seconds until work that should be done counts as lost: never reached when it works."""
LOW = next(name for name in (f"chat {n}" for n in range(5_000)) if key_of(name).bucket == 0)
"""A chat of the bucket a worker sweeps first."""
TAKE_OVER = """
create function take_over() returns trigger language plpgsql as
$$ begin new.lease_token = gen_random_uuid(); return new; end $$;
create trigger take_over before update on chat_memory.chat_work
for each row when (old.draft is null and new.draft is not null) execute function take_over();
"""
"""Another worker takes the chat in the moment its draft is stored."""
CUT = """
create function cut() returns trigger language plpgsql as
$$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$;
create trigger cut before insert on chat_memory.memory_versions for each row execute function cut();
"""
"""The connection of a fold ends in the middle of its write."""


async def change_schema(db: Database, statements: str) -> None:
    async with db.session() as session:
        await session.connection.execute(statements)


async def test_a_draft_of_turns_already_folded_is_not_written_again(box: Toolbox, db: Database) -> None:
    """Without `upto_seq > done_seq` in make_draft an old answer would be folded twice."""
    await append(db, "a", "one", "two")
    claim = await claim_one(db, "a")
    async with db.session() as session:
        await finish_fold(session, claim, 1)
    claim = replace(await claim_one(db, "a"), draft=draft(1, "Old."))
    assert await fold(replace(box, summarizer=Transcript()), claim) == 2


async def test_a_fold_that_failed_waits_longer_each_time_within_bounds(
    box: Toolbox, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `2**attempts`, LONGEST_BACKOFF_SECONDS or the delay itself in fold._record_failure."""
    bounds: list[tuple[float, float]] = []

    def longest(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    monkeypatch.setattr("chat_memory.tools.fold.random.uniform", longest)
    broken = replace(box, summarizer=Broken(), settings=Settings(backoff_seconds=100, max_attempts=9))
    await append(db, "a", "one")
    for seconds in (100, 200, 300, 300):
        with pytest.raises(FoldError):
            await fold(broken, await claim_one(db, "a"))
        pass_time(db, timedelta(seconds=seconds - 60))
        assert await claim_due(db, key_of("a")) == []
        pass_time(db, timedelta(seconds=60))
    assert bounds == [(0, 100), (0, 200), (0, 300), (0, 300)]


async def test_a_chat_fails_after_the_attempts_it_was_given(box: Toolbox, db: Database) -> None:
    """Without max_attempts in fold._record_failure a poisoned chat would be tried for ever."""
    broken = replace(box, summarizer=Broken(), settings=Settings(max_attempts=2))
    await append(db, "a", "one")
    for failed in (False, True):
        with pytest.raises(FoldError):
            await fold(broken, await claim_one(db, "a"))
        async with db.session() as session:
            cursor = await chat_work.read_cursor(session, key_of("a"), OWNER)
        assert cursor == Cursor(1, 0, failed=failed)
        pass_time(db, timedelta(minutes=10))


async def test_who_waits_for_a_chat_that_failed_or_is_gone_is_told_at_once(box: Toolbox, db: Database) -> None:
    """Without `cursor.failed` or `cursor is None` in wait_folded the whole wait would pass."""
    await append(db, "a", "one")
    async with db.session() as session:
        await chat_work.record_failure(session, await claim_one(db, "a"), "it broke", LEASE, 1)
    with anyio.fail_after(PATIENCE):
        assert not await wait_folded(box, OWNER, key_of("a"), 1, 3600)
        assert not await wait_folded(box, OWNER, key_of("nobody"), 1, 3600)


async def test_who_does_not_wait_asks_nothing(box: Toolbox, db: Database, database_url: str) -> None:
    """Without the first line of wait_folded every write would begin a query, break it off, and pay for both."""
    async with open_database(database_url, pool_size=1) as only:
        async with only.session() as session:
            pid = await session.connection.fetchval("select pg_backend_pid()")
        assert await wait_folded(replace(box, db=only), OWNER, key_of("a"), 1, 0) is False
        async with db.session() as session:
            last = await session.connection.fetchval("select query from pg_stat_activity where pid = $1", pid)
    assert "chat_work" not in last


async def test_who_waits_is_woken_by_the_bell_of_the_fold(box: Toolbox, db: Database) -> None:
    """Without announce at the end of fold, or the waiter in wait_folded, an hour's poll would be waited for."""
    patient = replace(box, settings=Settings(poll_seconds=3600), summarizer=Transcript())
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            with anyio.fail_after(PATIENCE):
                assert await wait_folded(patient, OWNER, key_of("a"), 1, 3600)

        group.start_soon(wait)
        await anyio.sleep(0.1)
        await fold(patient, claim)


async def test_a_write_is_folded_at_once_by_a_worker_of_its_own_process(box: Toolbox, alice: Caller) -> None:
    """Without announce in update_memory the worker beside it would sleep until its poll."""
    patient = replace(box, settings=Settings(poll_seconds=3600))
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(patient).run)
        await anyio.sleep(0.2)
        with anyio.fail_after(PATIENCE):
            said = [Message(role="user", content="x")]
            assert (await update_memory(patient, alice, "a", said, wait_seconds=60)).status == "complete"
        group.cancel_scope.cancel()


async def test_a_retry_of_folded_turns_is_complete(box: Toolbox, alice: Caller) -> None:
    """Without the comparison in update_memory a retry would be told to wait for what is done."""
    said = [Message(role="user", content="My name is Ada.")]
    await update_memory(box, alice, "a", said, idempotency_key="k")
    await summarize(box, alice, "a")
    again = await update_memory(box, alice, "a", said, idempotency_key="k")
    assert (again.status, again.pending, again.seq) == ("complete", 0, 1)


async def test_who_lost_its_lease_joins_the_fold_that_has_it(box: Toolbox, db: Database, alice: Caller) -> None:
    """Without the except in summarize._fold_or_wait the caller would be told of a lease it never knew."""
    await append(db, "a", "one")

    class Overtaken(Transcript):
        async def fold(self, request: FoldRequest) -> Proposal:
            pass_time(db, LEASE + timedelta(seconds=1))
            await fold(replace(box, summarizer=Transcript()), await claim_one(db, "a"))
            return await super().fold(request)

    reply = await summarize(replace(box, summarizer=Overtaken()), alice, "a")
    assert (reply.folded, reply.version, reply.general_summary) == (1, 1, "1: one")


async def test_summarize_goes_on_until_everything_is_folded_and_counts_it(
    box: Toolbox, db: Database, alice: Caller
) -> None:
    """Without the loop in summarize one budget of bytes would be folded; without the start's cursor all is counted."""
    folding = replace(box, summarizer=Transcript(), settings=Settings(fold_bytes=262_144))
    await append(db, "a", "zero")
    await summarize(folding, alice, "a")
    await append(db, "a", *("x" * 200_000 for _ in range(3)))
    reply = await summarize(replace(folding, summarizer=Answering(lambda _: Delta())), alice, "a")
    assert (reply.folded, reply.pending, reply.version) == (3, 0, 4)


async def test_summarize_folds_what_was_there_when_it_was_called(box: Toolbox, db: Database, alice: Caller) -> None:
    """A chat that is written to faster than it folds: with a moving target the call would never end."""
    await append(db, "a", "one")

    class Talking(Transcript):
        async def fold(self, request: FoldRequest) -> Proposal:
            await append(db, "a", "and more")
            return await super().fold(request)

    with anyio.fail_after(PATIENCE):
        reply = await summarize(replace(box, summarizer=Talking()), alice, "a", wait_seconds=60)
    assert (reply.folded, reply.pending) == (1, 1)


async def test_a_place_that_becomes_free_is_taken_at_once(box: Toolbox, db: Database) -> None:
    """Without the wake after a fold the next chat would wait for the poll."""
    patient = replace(
        box, fallback=Extractive(), summarizer=Transcript(), settings=Settings(fold_limit=1, poll_seconds=3600)
    )
    for number in range(3):
        await append(db, f"chat {number}", "one")
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(patient).run)
        for number in range(3):
            assert await wait_folded(box, OWNER, key_of(f"chat {number}"), 1, PATIENCE)
        group.cancel_scope.cancel()


async def test_evidence_of_stored_facts_may_be_cited_again(box: Toolbox, db: Database) -> None:
    """Without the evidence in _read_cited a fact could not be confirmed from the turn that proves it."""
    await append(db, "a", "My budget is 500 euros.")
    guess = Delta(facts=(stated("500 euros", "My budget is 500 euros.", 1, key="budget", basis="inferred"),))
    await fold(replace(box, summarizer=Answering(lambda _: guess)), await claim_one(db, "a"))
    await append(db, "a", "Nice weather.")
    sure = Delta(facts=(stated("500 euros", "My budget is 500 euros.", 1, key="budget"),))
    await fold(replace(box, summarizer=Answering(lambda _: sure)), await claim_one(db, "a"))
    async with db.session() as session:
        stored = await chat_metadata.read_memory(session, key_of("a"))
    assert [fact.value for fact in stored.memory.user_confirmed] == ["500 euros"]


async def test_a_lease_lost_between_the_answer_and_the_write_writes_nothing(box: Toolbox, db: Database) -> None:
    """Without hold_leases in write_folds the zombie's memory would stand over the living one's."""
    await append(db, "a", "one")
    await change_schema(db, TAKE_OVER)
    with pytest.raises(LostLeaseError):
        await fold(replace(box, summarizer=Transcript()), await claim_one(db, "a"))
    async with db.session() as session:
        assert await memory_versions.read_versions(session, key_of("a")) == []
        assert (await chat_metadata.read_memory(session, key_of("a"))).version == 0


async def test_a_fold_whose_connection_broke_is_given_back_uncounted_with_its_answer(
    box: Toolbox, db: Database
) -> None:
    """Without store_draft before the write the model would be paid again; without the hand-back a lease would pass."""
    await append(db, "a", "one")
    await change_schema(db, CUT)
    with pytest.raises(DatabaseUnreachableError):
        await fold(replace(box, summarizer=Transcript()), await claim_one(db, "a"))
    again = await claim_one(db, "a")
    assert (again.attempts, again.lease_expiries) == (0, 0)
    assert again.draft is not None
    assert again.draft.delta.summary == "1: one"


async def test_a_worker_forgets_keys_past_their_time(box: Toolbox, db: Database) -> None:
    """Without _sweep in Worker.run nothing would ever call expire_receipts."""
    await Ledger(db).append(call(LOW, "hello", idempotency_key="k"))
    pass_time(db, timedelta(hours=25))
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(replace(box, settings=Settings(idempotency_hours=24))).run)
        with anyio.fail_after(PATIENCE):
            while await count_receipts(db):  # noqa: ASYNC110 - nothing rings when a key is forgotten
                await anyio.sleep(0.05)
        group.cancel_scope.cancel()


async def count_receipts(db: Database) -> int:
    async with db.session() as session:
        return int(await session.connection.fetchval("select count(*) from chat_memory.receipts"))


async def test_folds_and_forgetting_ring_in_every_process(box: Toolbox, db: Database, listen_url: str) -> None:
    """Without bell.ring in fold._write or lives.forget, or the announce beside it, watchers would not hear of it."""
    shrunk = Ring(key_of("a"), grew=False)
    own: list[Ring] = []
    other, heard = Bell(), Ears()
    other.subscribe(heard.hear)
    box.bell.subscribe(own.append)
    async with anyio.create_task_group() as group:
        group.start_soon(other.listen, listen_url, db)
        await ring_until_heard(db, heard)
        await append(db, "a", "one")
        assert await heard.wait() == [Ring(key_of("a"), grew=True)]
        await fold(replace(box, summarizer=Transcript()), await claim_one(db, "a"))
        assert await heard.wait() == [shrunk]
        await forget(box, Caller(OWNER), "a")
        assert await heard.wait() == [shrunk]
        group.cancel_scope.cancel()
    assert own == [shrunk, shrunk]


async def test_who_waits_looks_again_without_a_bell(box: Toolbox, db: Database) -> None:
    """Without poll_seconds in wait_folded a missed NOTIFY would cost the whole wait."""
    quick = replace(box, settings=Settings(poll_seconds=0.02))
    await append(db, "a", "one")

    async def fold_elsewhere() -> None:
        await anyio.sleep(0.1)
        await fold(replace(box, bell=Bell(), summarizer=Transcript()), await claim_one(db, "a"))

    async with anyio.create_task_group() as group:
        group.start_soon(fold_elsewhere)
        with anyio.fail_after(PATIENCE):
            assert await wait_folded(quick, OWNER, key_of("a"), 1, 3600)


async def test_an_estimate_is_the_measured_wait_from_now(box: Toolbox, alice: Caller) -> None:
    """Without `+ waited` an estimate would be the present."""
    box.pace.record(timedelta(seconds=10))
    box.pace.record(timedelta(seconds=20))
    receipt = await update_memory(box, alice, "a", [Message(role="user", content="one")])
    assert receipt.estimated_completion is not None
    async with box.db.session() as session:
        at = await session.connection.fetchval("select created_at from chat_memory.turns")
    assert receipt.estimated_completion - at == timedelta(seconds=12)
