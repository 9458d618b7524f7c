"""Reading: each reader sees its own chat as it is now, however many read at once."""

import anyio

from chat_memory.models import Memory
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.database import Database
from chat_memory.storage.snapshots import READ_SECONDS, Look, Snapshot, Snapshots
from tests.chats import OWNER, append, key_of, until_somebody_waits
from tests.folding import write_memory

READERS = 40


async def test_what_is_read_at_once_is_each_readers_own(db: Database) -> None:
    """With rows told apart by anything but their place in the question, readers would get each other's chats."""
    for number in range(0, READERS, 2):
        await append(db, f"chat {number}", *(f"{number}.{part}" for part in range(number % 3 + 1)))
    snapshots, read = Snapshots(db), dict[int, Snapshot | None]()

    async def look(number: int) -> None:
        read[number] = await snapshots.read(Look(key_of(f"chat {number}"), 1_000))

    async with anyio.create_task_group() as group:
        for number in range(READERS):
            group.start_soon(look, number)
    for number, snapshot in read.items():
        if number % 2:
            assert snapshot is None
        else:
            assert snapshot is not None
            told = [turn.content for turn in snapshot.pending]
            assert (snapshot.owner, told) == (OWNER, [f"{number}.{part}" for part in range(number % 3 + 1)])


async def test_who_reads_after_an_acknowledgement_sees_it_though_others_are_reading(db: Database) -> None:
    """With a reader joining a statement that is under way it would be told what was before its own write."""
    snapshots = Snapshots(db)
    await append(db, "busy", "first")
    over = anyio.Event()

    async def read_all_the_time() -> None:
        while not over.is_set():
            await snapshots.read(Look(key_of("busy"), 1_000))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(read_all_the_time)
        for number in range(2, 60):
            appended = await append(db, "busy", f"turn {number}")
            snapshot = await snapshots.read(Look(key_of("busy"), 1_000))
            assert snapshot is not None
            assert snapshot.head_seq >= appended.head_seq == number
        over.set()


async def test_a_memory_that_cannot_be_read_fails_its_own_readers_only(db: Database) -> None:
    """Without the except around one row, whoever read at the same moment would fail with it."""
    for name in ("whole", "broken"):
        await append(db, name, "hello")
    async with db.session() as session:
        await write_memory(session, key_of("broken"), StoredMemory(1, Memory()), 1)
        await session.connection.execute("""update chat_memory.chat_metadata set user_confirmed = '{"no": "list"}'""")
    snapshots, read, failed = Snapshots(db), list[Snapshot | None](), list[str]()

    async def look(name: str) -> None:
        try:
            read.append(await snapshots.read(Look(key_of(name), 1_000)))
        except ValueError:
            failed.append(name)

    async with anyio.create_task_group() as group:
        for name in ("whole", "broken", "whole"):
            group.start_soon(look, name)
    assert failed == ["broken"]
    assert [snapshot and snapshot.head_seq for snapshot in read] == [1, 1]


async def test_who_only_wants_a_memory_does_not_wait_for_those_who_search(db: Database) -> None:
    """With one row for all, in `read`, twenty searches of long chats would hold every other reader up for a second."""
    await append(db, "long", "hello")
    snapshots = Snapshots(db)
    async with anyio.create_task_group() as group, db.session() as session, session.connection.transaction():
        await session.connection.execute("lock table chat_memory.turns in access exclusive mode")
        for _ in range(3):
            group.start_soon(snapshots.read, Look(key_of("long"), 1_000, recalls=True))
        await until_somebody_waits(db)
        group.start_soon(snapshots.read, Look(key_of("small"), 1_000))
        with anyio.fail_after(READ_SECONDS - 1):  # then those who wait are told so, and others have their turn
            await until_somebody_waits(db, 2)
