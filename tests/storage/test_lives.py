"""A chat's life: appends that are numbered without gaps, written once, never lost; and an end that leaves nothing."""

from collections import Counter
from uuid import uuid4

import anyio
import anyio.lowlevel
import pytest

from chat_memory.errors import IdempotencyConflictError
from chat_memory.models import ChatKey, Memory
from chat_memory.storage import chat_work, conversations, lives, redaction_salts, tasks, turns
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.database import Database, Session, open_database
from chat_memory.storage.ledger import Debounce, Ledger, append_calls
from chat_memory.storage.receipts import Span
from chat_memory.storage.snapshots import Look, Snapshots
from tests.chats import LEASE, OWNER, append, call, claim_one, draft, key_of, until_somebody_waits
from tests.connections import cutting_proxy
from tests.folding import hold_lease, keep_version, store_draft, write_memory


async def history(db: Database, chat_id: str) -> list[tuple[int, str]]:
    async with db.session() as session:
        _, page = await turns.read_history(session, key_of(chat_id), 1_000_000, 1_000, 10_000_000)
    return [(turn.seq, turn.content) for turn in page]


async def test_turns_are_numbered_from_one_without_gaps(db: Database) -> None:
    first = await append(db, "a", "one", "two")
    second = await append(db, "a", "three")
    assert (first.span, second.span) == (Span(1, 2), Span(3, 3))
    assert await history(db, "a") == [(1, "one"), (2, "two"), (3, "three")]


async def test_writers_at_once_share_one_unbroken_ledger(db: Database) -> None:
    """Without the lock in append_calls two calls would take the same numbers."""
    spans: list[Span] = []

    async def write(number: int) -> None:
        appended = await append(db, "shared", *(f"{number}.{part}" for part in range(3)))
        spans.append(appended.span)

    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(write, number)
    written = await history(db, "shared")
    assert [seq for seq, _ in written] == list(range(1, 121))
    contents = dict(written)
    for span in spans:
        numbers = {contents[seq].partition(".")[0] for seq in range(span.first_seq, span.last_seq + 1)}
        assert len(numbers) == 1, "the turns of one call stand together"


async def test_a_repeated_key_is_written_once(db: Database) -> None:
    """Without find_receipts a client's retry would be said twice."""
    first = await Ledger(db).append(call("a", "hello", idempotency_key="k"))
    again = await Ledger(db).append(call("a", "hello", idempotency_key="k"))
    assert again.span == first.span
    assert await history(db, "a") == [(1, "hello")]


async def test_twins_at_once_are_written_once(db: Database) -> None:
    """The key is looked up after the lock: looked up before it, both twins would find nothing."""
    spans: list[Span] = []

    async def write() -> None:
        spans.append((await Ledger(db).append(call("a", "hello", idempotency_key="k"))).span)

    async with anyio.create_task_group() as group:
        for _ in range(12):
            group.start_soon(write)
    assert Counter(spans) == {Span(1, 1): 12}
    assert await history(db, "a") == [(1, "hello")]


async def test_one_key_cannot_stand_for_two_bodies(db: Database) -> None:
    await Ledger(db).append(call("a", "hello", idempotency_key="k"))
    with pytest.raises(IdempotencyConflictError, match="Nothing was written"):
        await Ledger(db).append(call("a", "goodbye", idempotency_key="k"))
    assert await history(db, "a") == [(1, "hello")]


async def test_keys_of_two_chats_are_two_keys(db: Database) -> None:
    await Ledger(db).append(call("a", "hello", idempotency_key="k"))
    await Ledger(db).append(call("b", "other", idempotency_key="k"))
    assert await history(db, "b") == [(1, "other")]


async def test_a_cancelled_caller_does_not_tear_its_write(db: Database) -> None:
    """Without the shields in Ledger.append and Grouper.submit the write would be abandoned half-way."""
    async with anyio.create_task_group() as group:
        group.start_soon(append, db, "a", "hello")
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert await history(db, "a") == [(1, "hello")]


@pytest.mark.parametrize("idempotency_key", ["", "k"])
@pytest.mark.parametrize("cut", ["before the commit arrives", "after it is done, before its answer"])
async def test_a_write_whose_connection_broke_is_looked_up_not_repeated(
    database_url: str, cut: str, idempotency_key: str
) -> None:
    """Without the look-up by call_id, the turn would stand twice when the commit had gone through."""
    async with (
        cutting_proxy(database_url, after_commit=cut.startswith("after")) as proxy,
        open_database(proxy.url, pool_size=2) as db,
    ):
        await append(db, "a", "first")
        proxy.armed = True
        appended = await Ledger(db).append(call("a", "second", idempotency_key=idempotency_key))
        assert proxy.cuts == 1
        assert appended.span == Span(2, 2)
        assert await history(db, "a") == [(1, "first"), (2, "second")]


async def write_a_memory(db: Database, chat_id: str) -> None:
    """Give a chat a row in every table."""
    await Ledger(db).append(call(chat_id, "hello", idempotency_key="k"))
    await tasks.open_task(db, key_of(chat_id), OWNER, "summarize", Span(1, 1))
    await redaction_salts.read_salt(db, key_of(chat_id), OWNER)
    claim = await claim_one(db, chat_id)
    async with db.session() as session:
        await write_memory(session, claim.key, StoredMemory(1, Memory(general_summary="hello")), 1)
        await keep_version(session, claim.key, StoredMemory(1, Memory()), draft(1))
        await store_draft(session, claim, draft(1))


async def rows_of(db: Database, key: ChatKey) -> dict[str, int]:
    """Count a chat's rows in every table that has chats, whatever tables there are."""
    async with db.session() as session:
        tables = await session.connection.fetch(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'chat'"
            " where c.relnamespace = 'chat_memory'::regnamespace and c.relkind = 'r'"
        )
        return {
            table["relname"]: await session.connection.fetchval(
                f"select count(*) from chat_memory.{table['relname']} where chat = $1",  # noqa: S608 - from the catalogue
                key.chat,
            )
            for table in tables
        }


async def test_forgotten_means_gone_from_every_table(db: Database) -> None:
    """A table missing from lives.DELETIONS fails here, also one of tomorrow."""
    await write_a_memory(db, "a")
    await write_a_memory(db, "b")
    before = await rows_of(db, key_of("a"))
    assert all(before.values()), f"the test must fill every table: {before}"
    counts = await lives.forget(db, OWNER, key_of("a"))
    assert set((await rows_of(db, key_of("a"))).values()) == {0}
    assert sum(counts.values()) == sum(before.values())
    assert all((await rows_of(db, key_of("b"))).values()), "another chat was touched"


@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_forgetting_whose_connection_broke_is_asked_again(database_url: str, *, after_commit: bool) -> None:
    """Without retried in forget its caller would be told that nothing answers, the chat gone or not."""
    async with (
        cutting_proxy(database_url, after_commit=after_commit) as proxy,
        open_database(proxy.url, pool_size=2) as db,
    ):
        await append(db, "a", "first")
        proxy.armed = True
        await lives.forget(db, OWNER, key_of("a"))
        assert proxy.cuts == 1
        assert set((await rows_of(db, key_of("a"))).values()) == {0}


async def test_a_process_that_froze_in_a_transaction_loses_it(db: Database, database_url: str) -> None:
    """A paused container: without BEGIN's idle timeout its row lock would stop every writer, and they fill the pool."""
    await append(db, "a", "one")
    locked = anyio.Event()

    async def freeze(session: Session) -> None:
        await chat_work.lock_chat(session, key_of("a"), OWNER)
        locked.set()
        await anyio.sleep_forever()

    async with open_database(database_url, pool_size=1) as frozen, anyio.create_task_group() as group:
        group.start_soon(frozen.transact, freeze)
        await locked.wait()
        assert (await append(db, "a", "two")).span == Span(2, 2)
        group.cancel_scope.cancel()


async def test_the_audit_row_keeps_counts_only(db: Database) -> None:
    await write_a_memory(db, "secret name")
    await lives.forget(db, OWNER, key_of("secret name"))
    async with db.session() as session:
        row = await session.connection.fetchrow("select a.*, a::text as everything from chat_memory.audit_log a")
    assert row is not None
    assert (row["owner"], row["action"]) == (OWNER, "forget")
    assert '"turns": 1' in row["counts"]
    assert "secret name" not in row["everything"]
    assert key_of("secret name").chat.hex() not in row["everything"]


async def test_forgetting_what_is_not_there_deletes_nothing(db: Database) -> None:
    assert set((await lives.forget(db, OWNER, key_of("nobody"))).values()) == {0}


async def test_a_chat_of_a_forgotten_name_starts_anew(db: Database) -> None:
    """A new birth: what was remembered by the old one (a rendered reply, a wait) cannot pass for the new."""
    await write_a_memory(db, "a")
    old = await Snapshots(db).read(Look(key_of("a"), 100))
    await lives.forget(db, OWNER, key_of("a"))
    assert (await append(db, "a", "again")).span == Span(1, 1)
    new = await Snapshots(db).read(Look(key_of("a"), 100))
    assert old is not None
    assert new is not None
    assert new.birth != old.birth
    assert (new.stored.version, new.done_seq, new.head_seq) == (0, 0, 1)


async def test_a_fold_in_flight_cannot_bring_a_forgotten_chat_back(db: Database) -> None:
    """The lease goes with the cursor row: without delete_cursor the old fold would write into the new life."""
    await append(db, "a", "one", "two")
    claim = await claim_one(db, "a")
    await lives.forget(db, OWNER, key_of("a"))
    await append(db, "a", "new life")
    async with db.session() as session:
        assert not await hold_lease(session, claim)
        assert not await store_draft(session, claim, draft(1))
        again = await chat_work.claim_chat(session, key_of("a"), LEASE, uuid4())
    assert again is not None
    assert again.draft is None


async def test_forgetting_waits_for_a_write_that_began(db: Database) -> None:
    """Without the lock in lives.forget turns that were on their way would outlive their chat."""
    await append(db, "a", "one")
    async with anyio.create_task_group() as group:

        async def write(session: Session) -> None:
            await append_calls(session, [call("a", "two")], Debounce())
            group.start_soon(lives.forget, db, OWNER, key_of("a"))
            await until_somebody_waits(db)

        await db.transact(write)
    assert set((await rows_of(db, key_of("a"))).values()) == {0}


async def test_forgetting_and_writing_at_once_never_mix_two_lives(db: Database) -> None:
    async def write(number: int) -> None:
        await append(db, "a", f"{number}")

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(write, number)
            if number % 5 == 0:
                group.start_soon(lives.forget, db, OWNER, key_of("a"))
    left = await history(db, "a")
    assert [seq for seq, _ in left] == list(range(1, len(left) + 1))
    async with db.session() as session:
        cursor = await chat_work.read_cursor(session, key_of("a"), OWNER)
        chats = await conversations.list_latest_chats(session, OWNER, 10)
    assert (cursor.head_seq if cursor else 0) == len(left)
    assert len(chats) == (1 if left else 0)
