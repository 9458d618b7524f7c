"""Versions that fold no turn: written once, under the chat's lock, seen by every fold in flight."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import anyio
import pytest

from chat_memory.errors import OwnerMismatchError, UnknownChatError
from chat_memory.models import Change, Fact, Memory, Rejected
from chat_memory.storage import chat_work, folds, memory_versions, revisions
from chat_memory.storage.chat_metadata import StoredMemory, read_memory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Database, Session, open_database, transaction
from chat_memory.storage.folds import Next, Writing, name_lease
from chat_memory.storage.memory_versions import Version
from chat_memory.storage.revisions import Ground, Revised, revise
from tests.chats import OWNER, append, claim_one, draft, key_of, until_somebody_waits
from tests.connections import cutting_proxy

GONE = Rejected(
    fact=Fact(
        id="f1.1", key="k", value="v", basis="user_stated", source_seq=1, quote="q", first_version=1, last_version=1
    ),
    upto_seq=2,
)


async def say_more(_: Session, ground: Ground) -> Next:
    """A revision: one more letter, and a rejected fact."""
    stored = ground.stored
    summary = stored.memory.general_summary + "x"
    memory = Memory(general_summary=summary, rejected=(GONE,))
    after = replace(stored, version=stored.version + 1, memory=memory)
    return Next(stored.version, after, 1, Change(left_summary=(summary,)))


async def leave(_: Session, __: Ground) -> None:
    """No revision: everything is as it should be."""


async def write(db: Database, claim: Claim, base: int) -> list[StoredMemory]:
    """Write a fold of one turn checked against version `base`; the memories it was checked against anew."""
    seen: list[StoredMemory] = []

    async def again(_: Session, stored: StoredMemory) -> Next:
        seen.append(stored)
        summary = f"{stored.memory.general_summary} and a turn"
        return Next(stored.version, StoredMemory(stored.version + 1, Memory(general_summary=summary)), 1, Change())

    first = Next(base, StoredMemory(base + 1, Memory(general_summary="a turn")), 1, Change())
    (written,) = await folds.Folds(db).write([Writing(claim, draft(claim.cursor.head_seq), first, again)])
    assert not isinstance(written, Exception), written
    return seen


async def versions_of(db: Database, chat_id: str) -> Sequence[Version]:
    async with db.session() as session:
        return await memory_versions.read_versions(session, key_of(chat_id))


async def stored_of(db: Database, chat_id: str) -> StoredMemory:
    async with db.session() as session:
        return await read_memory(session, key_of(chat_id))


async def test_a_revision_is_a_version_that_folds_no_turn(db: Database) -> None:
    """With another range in write_revision the versions would not partition the folded turns."""
    await append(db, "a", "one", "two")
    await write(db, await claim_one(db, "a"), 0)
    await append(db, "a", "three")
    revised = await revise(db, OWNER, key_of("a"), "verdict", say_more)
    assert revised == Revised(2, Change(left_summary=("a turnx",)))
    await write(db, await claim_one(db, "a"), 2)
    versions = await versions_of(db, "a")
    assert [(one.version, one.from_seq, one.covers_seq, one.summarizer) for one in versions] == [
        (1, 1, 2, "test"),
        (2, 3, 2, "verdict"),
        (3, 3, 3, "test"),
    ]
    assert versions[1].delta == Change(left_summary=("a turnx",))
    async with db.session() as session:
        rows = await session.connection.fetch("select status, processed_at from chat_memory.chat_context_queue")
    assert {row["status"] for row in rows} == {"complete"}
    assert {row["processed_at"] for row in rows} == {versions[0].created_at, versions[2].created_at}


async def test_a_revision_may_come_before_the_first_fold(db: Database) -> None:
    """Without the insert in write_revision a chat that nobody folded could not be given a memory."""
    await append(db, "a", "one")
    assert await revise(db, OWNER, key_of("a"), "continue", say_more) == Revised(1, Change(left_summary=("x",)))
    (version,) = await versions_of(db, "a")
    assert (version.from_seq, version.covers_seq) == (1, 0)
    assert len(await write(db, await claim_one(db, "a"), 0)) == 1


async def test_what_was_rejected_stays_known_to_folds_and_out_of_the_versions(db: Database) -> None:
    """Written by a fold, or missing in read_starting, a rejected fact would come back with the next turn."""
    await append(db, "a", "one")
    await revise(db, OWNER, key_of("a"), "verdict", say_more)
    await write(db, await claim_one(db, "a"), 1)
    assert (await stored_of(db, "a")).memory.rejected == (GONE,)
    assert [version.memory.rejected for version in await versions_of(db, "a")] == [(), ()]


async def test_a_revision_that_changes_nothing_writes_nothing(db: Database) -> None:
    await append(db, "a", "one")
    assert await revise(db, OWNER, key_of("a"), "verdict", leave) == Revised(0, None)
    assert await versions_of(db, "a") == []


async def test_a_revision_of_no_chat_is_none_and_of_another_owners_refused(db: Database) -> None:
    """Without lock_chat's comparison a key alone would open another's chat."""
    assert await revise(db, OWNER, key_of("a"), "verdict", say_more) is None
    await append(db, "a", "one")
    with pytest.raises(OwnerMismatchError):
        await revise(db, "mallory", key_of("a"), "verdict", say_more)


async def test_what_a_revision_refuses_is_not_written(db: Database) -> None:
    async def refuse(session: Session, ground: Ground) -> Next:
        await say_more(session, ground)
        raise UnknownChatError(chat_id="a")

    await append(db, "a", "one")
    with pytest.raises(UnknownChatError):
        await revise(db, OWNER, key_of("a"), "verdict", refuse)
    assert await versions_of(db, "a") == []


@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_revision_whose_connection_broke_is_looked_up_not_repeated(
    database_url: str, *, after_commit: bool
) -> None:
    """Without find_revision it would be written twice when the commit had gone through."""
    async with (
        cutting_proxy(database_url, after_commit=after_commit) as proxy,
        open_database(proxy.url, pool_size=2) as db,
    ):
        await append(db, "a", "one")
        proxy.armed = True
        assert await revise(db, OWNER, key_of("a"), "verdict", say_more) == Revised(1, Change(left_summary=("x",)))
        assert proxy.cuts == 1
        assert [version.version for version in await versions_of(db, "a")] == [1]


async def test_a_fold_that_waited_for_a_revision_is_checked_against_it(db: Database) -> None:
    """Read in the statement that waits for the lock, the version would be the one from before: written over."""
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    versions: dict[tuple[bytes, UUID], int] = {}

    async def hold() -> None:
        async with db.session() as session, transaction(session):
            versions.update(await folds.hold_leases(session, [claim]))

    async with anyio.create_task_group() as group, db.session() as other, transaction(other):
        await chat_work.lock_chat(other, claim.key, OWNER)
        group.start_soon(hold)
        await until_somebody_waits(db)
        ground = await revisions.lock_ground(other, claim.key, OWNER)
        assert ground is not None
        await revisions.write_revision(other, claim.key, ground, await say_more(other, ground), "verdict", claim.token)
    assert versions == {name_lease(claim): 1}


async def test_a_fold_in_flight_is_made_again_of_what_the_revision_left(db: Database) -> None:
    """Without the version in write_unchanged's conflict clause the revision would be gone."""
    await append(db, "a", "one")
    claim = await claim_one(db, "a")
    await revise(db, OWNER, key_of("a"), "verdict", say_more)
    (seen,) = await write(db, claim, 0)
    assert (seen.version, seen.memory.rejected) == (1, (GONE,))
    assert (await stored_of(db, "a")).memory.general_summary == "x and a turn"
