"""The fold: exactly once, fenced, gated again at the write, and its claim always ended."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import anyio
import pytest

from chat_memory.errors import FoldError, LostLeaseError, RejectedDeltaError
from chat_memory.models import Delta, Draft, Fact
from chat_memory.prompts.summarizer import Summarizer
from chat_memory.settings import Settings
from chat_memory.storage import chat_metadata, chat_work, lives, memory_versions
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim, Cursor
from chat_memory.storage.database import Database, Session
from chat_memory.storage.memory_versions import Version
from chat_memory.tools.fold import fold
from chat_memory.tools.toolbox import Toolbox
from tests.chats import LEASE, OWNER, append, claim_due, claim_one, key_of, pass_time
from tests.folding import store_draft
from tests.summarizers import Answering, Broken, Slow, Transcript, stated


def with_summarizer(box: Toolbox, summarizer: Summarizer, **settings: object) -> Toolbox:
    """The same toolbox, another summarizer."""
    return Toolbox.on(box.db, Settings.model_validate(settings), box.bell, summarizer)


async def memory_of(db: Database, chat_id: str) -> StoredMemory:
    async with db.session() as session:
        return await chat_metadata.read_memory(session, key_of(chat_id))


async def versions_of(db: Database, chat_id: str) -> Sequence[Version]:
    async with db.session() as session:
        return await memory_versions.read_versions(session, key_of(chat_id))


async def end_of_lease(db: Database, chat_id: str) -> datetime:
    async with db.session() as session:
        lease = "select due_at from chat_memory.chat_work where chat = $1 and lease_token is not null"
        end = await session.connection.fetchval(lease, key_of(chat_id).chat)
    assert isinstance(end, datetime)
    return end


async def cursor_of(db: Database, chat_id: str) -> Cursor | None:
    async with db.session() as session:
        return await chat_work.read_cursor(session, key_of(chat_id), OWNER)


async def test_a_fold_writes_memory_version_and_cursor_together(box: Toolbox, db: Database) -> None:
    await append(db, "a", "one", "two")
    assert await fold(with_summarizer(box, Transcript()), await claim_one(db, "a")) == 2
    stored = await memory_of(db, "a")
    (version,) = await versions_of(db, "a")
    assert (stored.version, stored.memory.general_summary) == (1, "1: one\n2: two")
    assert (version.version, version.from_seq, version.covers_seq) == (1, 1, 2)
    assert version.memory == stored.memory
    assert (version.summarizer, version.model, version.tokens_in, version.tokens_out) == ("test", "test-1", 7, 3)
    assert await cursor_of(db, "a") == Cursor(2, 2)


async def test_versions_partition_the_ledger(box: Toolbox, db: Database) -> None:
    """Exactly once: a turn in two versions, or in none, fails here."""
    summarizer = Transcript()
    for number in range(1, 8):
        await append(db, "a", *(f"{number}.{part}" for part in range(number)))
        await fold(with_summarizer(box, summarizer), await claim_one(db, "a"))
    spans = [(version.from_seq, version.covers_seq) for version in await versions_of(db, "a")]
    assert spans[0][0] == 1
    assert all(before[1] + 1 == after[0] for before, after in pairwise(spans))
    assert spans[-1][1] == 28
    assert sorted(seq for asked in summarizer.asked for seq in asked) == list(range(1, 29))


async def test_a_fold_reads_within_its_budget_and_the_rest_follows(box: Toolbox, db: Database) -> None:
    small = with_summarizer(box, summarizer := Transcript(), fold_bytes=262_144)
    await append(db, "a", *("x" * 200_000 for _ in range(5)))
    while claims := await claim_due(db, key_of("a")):
        await fold(small, claims[0])
    assert summarizer.asked == [[1], [2], [3], [4], [5]]


async def test_an_empty_delta_is_a_success(box: Toolbox, db: Database) -> None:
    await append(db, "a", "hello")
    await fold(with_summarizer(box, Answering(lambda _: Delta())), await claim_one(db, "a"))
    assert (await memory_of(db, "a")).version == 1
    assert await cursor_of(db, "a") == Cursor(1, 1)


async def test_a_zombies_fold_is_dropped_and_the_living_ones_stands(box: Toolbox, db: Database) -> None:
    """Without the token in store_drafts and in the fence of the write both would count the same turns."""
    await append(db, "a", "one")
    slow = Slow()
    zombie = await claim_one(db, "a")
    async with anyio.create_task_group() as group:

        async def fold_late() -> None:
            with pytest.raises(LostLeaseError):
                await fold(with_summarizer(box, slow), zombie)

        group.start_soon(fold_late)
        await slow.started.wait()
        pass_time(db, LEASE + timedelta(seconds=1))
        await fold(with_summarizer(box, Transcript()), await claim_one(db, "a"))
        slow.may_answer.set()
    assert [version.covers_seq for version in await versions_of(db, "a")] == [1]


async def test_a_lease_lost_while_the_model_works_stops_the_work(box: Toolbox, db: Database) -> None:
    """Without scope.cancel in Leases a model would go on being paid for an answer nobody may write."""
    quick = with_summarizer(box, Slow(), lease_seconds=0.06)
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    async with db.session() as session:
        await chat_work.hand_back_leases(session, [claim])
    async with anyio.create_task_group() as group:
        group.start_soon(quick.leases.run)
        with pytest.raises(LostLeaseError):
            await fold(quick, claim)
        group.cancel_scope.cancel()


async def test_a_slow_model_keeps_its_lease(box: Toolbox, db: Database) -> None:
    """Without renew_leases in Leases the chat would be claimed again under the model's hands."""
    slow = Slow()
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            slower = with_summarizer(box, slow, lease_seconds=3)
            group.start_soon(fold, slower, claim)
            group.start_soon(slower.leases.run)
            await slow.started.wait()
            ends = [await end_of_lease(db, "a")]
            while len(ends) < 3:
                await anyio.sleep(0.01)
                if (end := await end_of_lease(db, "a")) != ends[-1]:
                    ends.append(end)
            slow.may_answer.set()
            while await cursor_of(db, "a") != Cursor(1, 1):  # noqa: ASYNC110 - another task's row
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()


async def test_a_cancelled_fold_hands_its_chat_back(box: Toolbox, db: Database) -> None:
    """Without the shielded hand-back every shutdown would cost a lease's time."""
    await append(db, "a", "one")
    slow = Slow()
    claim = await claim_one(db, "a")
    async with anyio.create_task_group() as group:
        group.start_soon(fold, with_summarizer(box, slow), claim)
        await slow.started.wait()
        group.cancel_scope.cancel()
    again = await claim_one(db, "a")
    assert (again.attempts, again.lease_expiries) == (0, 0)


async def test_a_crash_after_the_answer_never_pays_the_model_again(box: Toolbox, db: Database) -> None:
    """The draft is written before the memory; the next claim carries it."""
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    delta = Delta(summary="From the draft.")
    async with db.session() as session:
        draft = Draft(base_version=0, upto_seq=1, delta=delta, summarizer="paid", model="once")
        await store_draft(session, claim, draft)
    pass_time(db, LEASE + timedelta(seconds=1))
    unused = Slow()
    await fold(with_summarizer(box, unused), await claim_one(db, "a"))
    assert unused.asked == 0
    (version,) = await versions_of(db, "a")
    assert (version.summarizer, version.memory.general_summary) == ("paid", "From the draft.")


async def test_a_write_that_fails_writes_nothing_of_itself(box: Toolbox, db: Database) -> None:
    """Memory, version and cursor are one transaction: without it the memory would be ahead of its version."""
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    async with db.session() as session:
        await session.connection.execute("alter table chat_memory.memory_versions rename to elsewhere")
        with pytest.raises(FoldError):
            await fold(with_summarizer(box, Transcript()), claim)
        await session.connection.execute("alter table chat_memory.elsewhere rename to memory_versions")
    assert (await memory_of(db, "a")).version == 0, "memory, version and cursor are one transaction"
    assert await cursor_of(db, "a") == Cursor(1, 0)


@pytest.mark.parametrize("error", [FoldError(), RuntimeError("quotes a turn"), ValueError(), RecursionError()])
async def test_a_failing_summarizer_costs_an_attempt_and_nothing_else(
    box: Toolbox, db: Database, error: Exception
) -> None:
    await append(db, "a", "one")
    with pytest.raises(FoldError):
        await fold(with_summarizer(box, Broken(error)), await claim_one(db, "a"))
    pass_time(db, timedelta(minutes=10))
    again = await claim_one(db, "a")
    assert (again.attempts, again.cursor) == (1, Cursor(1, 0))
    async with db.session() as session:
        last_error = await session.connection.fetchval("select last_error from chat_memory.chat_work")
    assert "quotes a turn" not in last_error


@pytest.mark.parametrize("summary", ["a\x00b", "a\ud800b", "NONE"])
async def test_an_answer_that_cannot_be_kept_is_a_failed_fold(box: Toolbox, db: Database, summary: str) -> None:
    """Model output passes the checks of input: only this chat fails, and it says why."""
    await append(db, "a", "one")
    await append(db, "b", "one")
    answering = with_summarizer(box, Answering(lambda _: Delta(summary=summary)))
    with pytest.raises(RejectedDeltaError):
        await fold(answering, await claim_one(db, "a"))
    await fold(with_summarizer(box, Transcript()), await claim_one(db, "b"))
    assert await cursor_of(db, "b") == Cursor(1, 1)


CHANGE_BETWEEN = """
create function change_memory() returns trigger language plpgsql as $$ begin
    insert into chat_memory.chat_metadata values (new.bucket, new.chat, '{facts}', '[]', '', 1, 1, false, now(), now());
    return new;
end $$;
create trigger change_memory before update on chat_memory.chat_work
for each row when (new.draft is not null and old.draft is null) execute function change_memory();
"""


async def test_the_gate_decides_again_against_the_memory_at_the_write(box: Toolbox, db: Database) -> None:
    """The memory changes in the moment the draft is stored: without the admit in _write that change would be lost."""
    await append(db, "a", "My budget is 500 euros.")
    newer = Fact(
        id="other",
        key="home",
        value="Lyon",
        basis="user_stated",
        source_seq=1,
        quote="",
        first_version=1,
        last_version=1,
    )
    async with db.session() as session:
        await session.connection.execute(CHANGE_BETWEEN.replace("{facts}", f"[{newer.model_dump_json()}]"))
    delta = Delta(facts=(stated("500 euros", "My budget is 500 euros.", 1, key="budget"),))
    await fold(with_summarizer(box, Answering(lambda _: delta)), await claim_one(db, "a"))
    stored = await memory_of(db, "a")
    assert stored.version == 2
    assert {fact.value for fact in stored.memory.user_confirmed} == {"Lyon", "500 euros"}


async def test_a_fact_may_lean_on_turns_of_its_fold_and_on_stored_evidence_only(box: Toolbox, db: Database) -> None:
    """Rule 1: an old turn nobody cited before is not evidence; without `& allowed` any turn of the chat would be."""
    await append(db, "a", "I live in Paris.")
    await fold(with_summarizer(box, Answering(lambda _: Delta())), await claim_one(db, "a"))
    await append(db, "a", "Nice weather.")
    late = Delta(facts=(stated("Paris", "I live in Paris.", 1, key="city"),))
    await fold(with_summarizer(box, Answering(lambda _: late)), await claim_one(db, "a"))
    assert (await memory_of(db, "a")).memory.user_confirmed == ()


async def test_a_chat_forgotten_during_its_fold_stays_forgotten(box: Toolbox, db: Database) -> None:
    await append(db, "a", "one")
    slow = Slow()
    claim = await claim_one(db, "a")
    async with anyio.create_task_group() as group:

        async def fold_late() -> None:
            with pytest.raises(LostLeaseError):
                await fold(with_summarizer(box, slow), claim)

        group.start_soon(fold_late)
        await slow.started.wait()
        await lives.forget(db, OWNER, key_of("a"))
        await append(db, "a", "a new life")
        slow.may_answer.set()
    assert await versions_of(db, "a") == []
    assert await cursor_of(db, "a") == Cursor(1, 0)


CHATS = [f"chat {number}" for number in range(10)]
TURNS = 15


async def test_many_folds_at_once_lose_and_repeat_nothing(box: Toolbox, db: Database) -> None:
    """Appends and three folding workers on ten chats: afterwards every ledger is partitioned, in order."""
    folding = with_summarizer(box, Transcript())
    async with anyio.create_task_group() as group:
        for chat_id in CHATS:
            group.start_soon(write_turns, db, chat_id)
        for _ in range(3):
            group.start_soon(fold_due, folding, 60)
    await fold_due(folding, 1)
    for chat_id in CHATS:
        versions = await versions_of(db, chat_id)
        covered = [seq for version in versions for seq in range(version.from_seq, version.covers_seq + 1)]
        assert covered == list(range(1, TURNS + 1))
        assert versions[-1].memory.general_summary == "\n".join(f"{seq}: {seq}" for seq in covered)


async def write_turns(db: Database, chat_id: str) -> None:
    for number in range(1, TURNS + 1):
        await append(db, chat_id, f"{number}")


async def fold_due(box: Toolbox, rounds: int) -> None:
    for _ in range(rounds):
        for chat_id in CHATS:
            for claim in await claim_due(box.db, key_of(chat_id)):
                await fold(box, claim)


async def test_nothing_to_fold_gives_the_lease_back(box: Toolbox, db: Database) -> None:
    await append(db, "a", "one")
    await fold(with_summarizer(box, Transcript()), await claim_one(db, "a"))

    async def claim_anyway(session: Session) -> Claim:
        await session.connection.execute("update chat_memory.chat_work set due_at = now()")
        return (await chat_work.claim_chats(session, key_of("a").bucket, 1, LEASE, uuid4()))[0]

    claim = await db.run(claim_anyway)
    with pytest.raises(LostLeaseError):
        await fold(box, claim)
    pass_time(db, timedelta(days=1))
    assert await claim_due(db, key_of("a")) == []
