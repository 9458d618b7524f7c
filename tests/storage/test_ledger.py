"""Grouped appends: many calls, one commit; what one of them suffers from is its own."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import anyio
import pytest

from chat_memory.errors import IdempotencyConflictError, LedgerBusyError, RefusedStatementError
from chat_memory.models import NewTurn
from chat_memory.storage import chat_work, ledger
from chat_memory.storage.database import Database, Session
from chat_memory.storage.ledger import Appended, Debounce, Ledger, append_calls
from chat_memory.storage.receipts import Span
from chat_memory.storage.turns import Call
from tests.chats import OWNER, call, key_of, pass_time, until_somebody_waits
from tests.storage.test_lives import history

PATIENCE = 60.0
COMMITS = "select count(distinct xmin::text) from chat_memory.turns"
"""How many transactions wrote what is in the ledger."""


async def append_all(ledger: Ledger, calls: Sequence[Call]) -> dict[int, Appended | Exception]:
    """Append calls in the same moment; what became of each, by its place."""
    outcomes: dict[int, Appended | Exception] = {}

    async def append(place: int) -> None:
        try:
            outcomes[place] = await ledger.append(calls[place])
        except Exception as error:  # noqa: BLE001 - told to the test
            outcomes[place] = error

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for place in range(len(calls)):
                group.start_soon(append, place)
    return outcomes


async def scalar(db: Database, query: str) -> int:
    async with db.session() as session:
        return int(await session.connection.fetchval(query))


async def holding(db: Database, chat_id: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` while another transaction holds a chat."""

    async def hold(session: Session) -> None:
        await chat_work.lock_chat(session, key_of(chat_id), OWNER)
        await work()

    await db.transact(hold)


async def test_calls_of_one_moment_share_a_commit(db: Database) -> None:
    """Without the group each of the hundred would wait for the disk by itself."""
    outcomes = await append_all(Ledger(db), [call(f"chat {number % 20}", "hello") for number in range(100)])
    assert sorted(outcome.span.last_seq for outcome in outcomes.values() if isinstance(outcome, Appended)) == sorted(
        seq for seq in range(1, 6) for _ in range(20)
    )
    assert await scalar(db, COMMITS) <= 2


async def test_calls_of_one_chat_keep_their_order_and_their_turns_together(db: Database) -> None:
    """Without number_calls two calls of a group would take the same numbers."""
    outcomes = await append_all(Ledger(db), [call("a", f"{number}.1", f"{number}.2") for number in range(50)])
    spans = [outcome.span for _, outcome in sorted(outcomes.items()) if isinstance(outcome, Appended)]
    assert spans == [Span(2 * number + 1, 2 * number + 2) for number in range(50)]
    assert [text for _, text in await history(db, "a")] == [f"{n}.{part}" for n in range(50) for part in (1, 2)]


async def test_only_the_culprit_of_a_group_is_refused(db: Database) -> None:
    """Without the except in append an impossible turn (the tools refuse it earlier) would fail its neighbours."""
    poisoned = call("b", "x")
    poisoned.turns[0:] = [NewTurn("user", "NUL \x00", attested=True)]  # type: ignore[index] # a list, here
    outcomes = await append_all(Ledger(db), [call("a", "one"), poisoned, call("c", "two"), call("b", "three")])
    assert isinstance(outcomes[1], RefusedStatementError)
    assert [isinstance(outcomes[place], Appended) for place in (0, 2, 3)] == [True] * 3
    assert await history(db, "b") == [(1, "three")]


async def test_a_chat_that_is_held_holds_up_nobody_else(db: Database) -> None:
    """Without `skip locked` in append_calls everybody would wait for the one chat that is busy."""
    own = Ledger(db)
    await own.append(call("busy", "one"))
    waited: list[Appended] = []

    async def wait() -> None:
        waited.append(await own.append(call("busy", "two")))

    async with anyio.create_task_group() as group:

        async def others_go_on() -> None:
            for _ in range(db.pool.get_max_size() + 2):
                group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(PATIENCE):
                assert (await own.append(call("free", "one"))).span == Span(1, 1)
            assert waited == []

        await holding(db, "busy", others_go_on)
    assert sorted(appended.span.last_seq for appended in waited) == list(range(2, db.pool.get_max_size() + 4))


async def test_repeats_within_a_group_collapse_and_a_changed_body_is_told(db: Database) -> None:
    """Without find_receipts in _wait_and_append a twin would be refused, and a changed body not told from it."""
    own = Ledger(db)
    await own.append(call("a", "before"))
    outcomes = await append_all(
        own,
        [
            call("a", "hello", idempotency_key="k"),
            call("a", "hello", idempotency_key="k"),
            call("a", "other", idempotency_key="k"),
            call("a", "keyless"),
        ],
    )
    first, twin, other, keyless = (outcomes[place] for place in range(4))
    assert isinstance(first, Appended)
    assert isinstance(twin, Appended)
    assert isinstance(keyless, Appended)
    assert first.span == twin.span
    assert isinstance(other, IdempotencyConflictError)
    assert sorted(text for _, text in await history(db, "a")) == ["before", "hello", "keyless"]


async def test_a_key_whose_chat_is_held_is_looked_up_before_it_is_written(db: Database) -> None:
    """Without find_receipts in _wait_and_append a repeat that meets a held chat would be refused, or written twice."""
    own = Ledger(db)
    await own.append(call("a", "hello", idempotency_key="k"))
    again: list[Appended] = []
    async with anyio.create_task_group() as group:

        async def repeat() -> None:
            again.append(await own.append(call("a", "hello", idempotency_key="k")))

        async def let_it_wait() -> None:
            group.start_soon(repeat)
            await anyio.wait_all_tasks_blocked()

        await holding(db, "a", let_it_wait)
    assert [appended.span for appended in again] == [Span(1, 1)]
    assert await history(db, "a") == [(1, "hello")]


async def test_a_twin_that_is_under_way_is_waited_for(db: Database) -> None:
    """Without `for update` in lock_chat its twin, not committed yet, would not be seen: an error, or twice the turn."""
    own = Ledger(db)
    await own.append(call("a", "before"))
    later: list[Appended] = []
    async with anyio.create_task_group() as group:

        async def repeat() -> None:
            later.append(await own.append(call("a", "hello", idempotency_key="k")))

        async def write(session: Session) -> None:
            await chat_work.lock_chat(session, key_of("a"), OWNER)
            await append_calls(session, [call("a", "hello", idempotency_key="k")], Debounce())
            group.start_soon(repeat)
            await until_somebody_waits(db)

        await db.transact(write)
    assert [appended.span for appended in later] == [Span(2, 2)]
    assert await history(db, "a") == [(1, "before"), (2, "hello")]


async def test_a_full_buffer_says_so_and_loses_nothing(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without LedgerBusyError a database that stands still would fill this process's memory."""
    monkeypatch.setattr(ledger, "BUFFER_BYTES", 10_000)
    outcomes = await append_all(Ledger(db), [call(f"chat {number}", "x" * 3_000) for number in range(9)])
    busy = [outcome for outcome in outcomes.values() if isinstance(outcome, LedgerBusyError)]
    assert busy
    assert "call again" in str(busy[0])
    assert await scalar(db, "select count(*) from chat_memory.turns") == 9 - len(busy)


async def test_a_chat_may_wait_for_more_turns_but_not_for_ever(db: Database) -> None:
    """Without least() in append_calls a chat that is written to all the time would never be folded."""
    patient = Ledger(db, Debounce(*(timedelta(seconds=seconds) for seconds in (10, 25))))

    async def due() -> bool:
        async with db.session() as session:
            return bool(await chat_work.find_due_buckets(session, 1))

    for seconds in (0, 9, 9):
        pass_time(db, timedelta(seconds=seconds))
        await patient.append(call("a", "more"))
        assert not await due()
    pass_time(db, timedelta(seconds=8))
    assert await due(), "its first turn is 26 seconds old"


async def test_without_debounce_a_chat_is_due_at_once_and_keeps_its_place(db: Database) -> None:
    """Without greatest() and pending_since a chat that goes on would fall back behind all others each time."""
    own = Ledger(db)
    await own.append(call("a", "one"))
    query = "select extract(epoch from due_at)::float8::numeric(20, 6)::text from chat_memory.chat_work"
    async with db.session() as session:
        first = await session.connection.fetchval(query)
        await own.append(call("a", "two"))
        assert await session.connection.fetchval(query) == first


def test_what_waits_is_weighed_with_its_overhead() -> None:
    assert ledger.weigh(call("a", "hello")) == ledger.CALL_OVERHEAD + len("hello")
