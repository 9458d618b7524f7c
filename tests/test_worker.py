"""The worker: every chat folded, side by side, none delayed by another."""

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest
from structlog.testing import capture_logs

from chat_memory.models import ChatKey
from chat_memory.prompts.extractive import Extractive
from chat_memory.prompts.pacing import THREAD_CHARACTERS
from chat_memory.prompts.summarizer import FoldRequest, Proposal
from chat_memory.settings import Settings
from chat_memory.storage import chat_work, receipts
from chat_memory.storage.bell import Ring
from chat_memory.storage.database import Database, open_database
from chat_memory.storage.ledger import Ledger
from chat_memory.tools.awaiting import wait_folded
from chat_memory.tools.toolbox import BATCHES_AT_HAND, Toolbox
from chat_memory.worker import Worker
from tests.chats import END_OTHERS, OWNER, append, call, claim_one, key_of, name_neighbours, pass_time
from tests.summarizers import Broken, Slow, Transcript

PATIENCE = 60.0
"""Seconds until work that should be done counts as lost: never reached when it works."""


async def until_folded(box: Toolbox, chat_id: str, seq: int) -> None:
    assert await wait_folded(box, OWNER, key_of(chat_id), seq, PATIENCE)


async def until_asked(slow: Slow, times: int) -> None:
    with anyio.fail_after(PATIENCE):
        while slow.asked < times:  # noqa: ASYNC110 - the summarizer counts, it does not ring
            await anyio.sleep(0.01)


async def test_a_worker_folds_what_is_due_and_what_comes(box: Toolbox, db: Database) -> None:
    await append(db, "before", "one")
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(box).run)
        await until_folded(box, "before", 1)
        for number in range(1, 6):
            await append(db, "after", f"{number}")
            box.bell.announce(Ring(key_of("after"), grew=True))
            await until_folded(box, "after", number)
        group.cancel_scope.cancel()


async def test_long_chats_keep_only_their_own_places(box: Toolbox, db: Database) -> None:
    """With a claim's places given back at its end only, four long chats would keep all others waiting."""

    class Reading(Slow):
        remote = False

        async def fold(self, request: FoldRequest) -> Proposal:
            long = len(request.turns[0].content) >= THREAD_CHARACTERS
            return await (super().fold(request) if long else Transcript().fold(request))

    chats = name_neighbours(2 * BATCHES_AT_HAND + 1)
    for number, name in enumerate(chats):
        await append(db, name, "x" * THREAD_CHARACTERS if number % 2 == 0 and name != chats[-1] else "hello")
    slow = Reading()
    reading = replace(box, summarizer=slow, settings=Settings(batch_chats=2, poll_seconds=0.05))
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(reading).run)
        await until_folded(reading, chats[-1], 1)
        assert slow.asked == BATCHES_AT_HAND
        group.cancel_scope.cancel()


async def test_the_poll_finds_what_no_bell_announced(box: Toolbox, db: Database) -> None:
    """The bell is never trusted: without the poll a lost NOTIFY would leave a chat pending for ever."""
    quick = replace(box, settings=Settings(poll_seconds=0.05))
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(quick).run)
        await anyio.sleep(0.1)
        await append(db, "a", "one")
        await until_folded(quick, "a", 1)
        group.cancel_scope.cancel()


async def test_the_bell_of_another_process_wakes_a_worker(
    box: Toolbox, db: Database, database_url: str, listen_url: str
) -> None:
    """LISTEN carries a writer's commit here; with an hour's poll nothing else could."""
    patient = replace(box, settings=Settings(poll_seconds=3600))
    async with anyio.create_task_group() as group:
        group.start_soon(patient.bell.listen, listen_url, db)
        group.start_soon(Worker(patient).run)
        async with open_database(database_url, pool_size=1) as writer:
            with anyio.fail_after(PATIENCE):
                number = 0
                while (await cursor(db, "a"))[1] == 0:
                    number += 1
                    await append(writer, "a", f"{number}")
                    await anyio.sleep(0.05)
        group.cancel_scope.cancel()


async def cursor(db: Database, chat_id: str) -> tuple[int, int]:
    async with db.session() as session:
        found = await chat_work.read_cursor(session, key_of(chat_id), OWNER)
    return (found.head_seq, found.done_seq) if found else (0, 0)


async def test_a_poisoned_chat_never_delays_another(box: Toolbox, db: Database) -> None:
    """A fold that fails, and one that never answers: every other chat is folded all the same."""
    poisoned = replace(box, summarizer=Broken(RuntimeError(), poison="poison"))
    await append(db, "bad", "poison")
    for number in range(30):
        await append(db, f"good {number}", "fine")
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(poisoned).run)
        for number in range(30):
            await until_folded(box, f"good {number}", 1)
        group.cancel_scope.cancel()
    assert await cursor(db, "bad") == (1, 0)


async def test_a_chat_whose_model_hangs_holds_one_place_only(box: Toolbox, db: Database) -> None:
    class Hanging(Slow):
        async def fold(self, request: FoldRequest) -> Proposal:
            hangs = "hang" in request.turns[0].content
            return await (super().fold(request) if hangs else Transcript().fold(request))

    hanging = replace(box, fallback=Extractive(), summarizer=Hanging(), settings=Settings(fold_limit=2))
    await append(db, "hanging", "hang")
    for number in range(10):
        await append(db, f"good {number}", "fine")
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(hanging).run)
        for number in range(10):
            await until_folded(box, f"good {number}", 1)
        group.cancel_scope.cancel()


async def test_no_more_folds_run_at_once_than_allowed(box: Toolbox, db: Database) -> None:
    slow = Slow()
    limited = replace(box, fallback=Extractive(), summarizer=slow, settings=Settings(fold_limit=3))
    for number in range(9):
        await append(db, f"chat {number}", "one")
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(limited).run)
        await slow.started.wait()
        await until_asked(slow, 3)
        await anyio.sleep(0.2)
        assert slow.asked == 3
        slow.may_answer.set()
        for number in range(9):
            await until_folded(box, f"chat {number}", 1)
        group.cancel_scope.cancel()


async def test_a_worker_told_to_stop_hands_everything_back(box: Toolbox, db: Database) -> None:
    """Nothing is counted, nothing waits for a lease to end."""
    slow = Slow()
    for number in range(5):
        await append(db, f"chat {number}", "one")
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(replace(box, summarizer=slow)).run)
        await until_asked(slow, 5)
        group.cancel_scope.cancel()
    for number in range(5):
        again = await claim_one(db, f"chat {number}")
        assert (again.attempts, again.lease_expiries) == (0, 0)


async def test_workers_share_the_work_without_folding_anything_twice(box: Toolbox, db: Database) -> None:
    first, second = Transcript(), Transcript()
    for number in range(60):
        await append(db, f"chat {number}", "one")
    async with anyio.create_task_group() as group:
        for summarizer in (first, second):
            group.start_soon(Worker(replace(box, summarizer=summarizer, settings=Settings(fold_limit=4))).run)
        for number in range(60):
            await until_folded(box, f"chat {number}", 1)
        group.cancel_scope.cancel()
    assert len(first.asked) + len(second.asked) == 60


async def test_a_worker_outlives_a_database_that_went_away(box: Toolbox, db: Database) -> None:
    """Connections broken between two rounds are replaced; the next write is folded as if nothing had been."""
    quick = replace(box, settings=Settings(poll_seconds=0.05))
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(quick).run)
        await append(db, "a", "one")
        await until_folded(quick, "a", 1)
        async with db.session() as session:
            await session.connection.execute(END_OTHERS)
        await append(db, "a", "two")
        await until_folded(quick, "a", 2)
        group.cancel_scope.cancel()


BREAK_ONE_BUCKET = """
create function break_one() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$;
create trigger break_one before update on chat_memory.chat_work
for each row when (new.bucket = {}) execute function break_one();
"""


async def test_a_bucket_that_cannot_be_claimed_costs_the_others_nothing(box: Toolbox, db: Database) -> None:
    """Without the except around one bucket's claim, what other buckets gave would wait for its leases to end."""
    chats = [f"chat {number}" for number in range(12)]
    broken = chats.pop()
    for chat_id in (broken, *chats):
        await append(db, chat_id, "one")
    async with db.session() as session:
        await session.connection.execute(BREAK_ONE_BUCKET.format(key_of(broken).bucket))
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(box).run)
        with anyio.fail_after(20):
            for chat_id in chats:
                await until_folded(box, chat_id, 1)
        group.cancel_scope.cancel()


@pytest.mark.parametrize(("hours", "left"), [(23, 1), (25, 0)])
async def test_idempotency_keys_are_forgotten_after_their_time(db: Database, hours: int, left: int) -> None:
    written: ChatKey = call("a", "x").key
    await Ledger(db).append(call("a", "hello", idempotency_key="k"))
    pass_time(db, timedelta(hours=hours))
    async with db.session() as session:
        await receipts.expire_receipts(session, written.bucket, timedelta(hours=24))
        assert await session.connection.fetchval("select count(*) from chat_memory.receipts") == left


async def test_a_worker_that_is_told_to_end_claims_nothing_more(box: Toolbox, db: Database) -> None:
    """Without checkpoint_if_cancelled in run it claims and hands back in a circle: the claim is shielded."""
    group = anyio.create_task_group()

    class Ending(Transcript):
        async def fold(self, request: FoldRequest) -> Proposal:
            group.cancel_scope.cancel()
            await anyio.sleep_forever()
            return await super().fold(request)

    many = 150
    for number in range(many):
        await append(db, f"chat {number}", "one")
    with capture_logs() as logs:
        async with group:
            group.start_soon(
                Worker(replace(box, summarizer=Ending(), settings=Settings(batch_chats=1, fold_limit=1000))).run
            )
    assert len([line for line in logs if line["event"] == "fold_handed_back"]) <= many
