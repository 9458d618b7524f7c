"""Chats that wait for help: listed in order and bounded, due again when somebody says so."""

from datetime import timedelta
from uuid import uuid4

import pytest

from chat_memory.storage import chat_work
from chat_memory.storage.bell import Ring
from chat_memory.storage.chat_work import hash_owner
from chat_memory.storage.database import Database
from chat_memory.storage.failures import Failure, list_failures, redrive_all, redrive_chats
from tests.chats import OWNER, append, claim_due, claim_one, key_of, pass_time
from tests.storage.test_bell import Ears, heard, ring_until_heard

__all__ = ["heard"]


async def fail(db: Database, chat_id: str, error: str = "the model said no") -> None:
    """Let a chat fail for good."""
    await append(db, chat_id, "Remember this.")
    claim = await claim_one(db, chat_id)
    async with db.session() as session:
        assert await chat_work.record_failure(session, claim, error, timedelta(), max_attempts=1)


async def listed(db: Database, limit: int = 50) -> tuple[list[Failure], int]:
    return await db.run(lambda session: list_failures(session, limit))


async def test_who_waits_longest_is_listed_first_with_what_is_known(db: Database) -> None:
    await append(db, "well", "hello")
    await fail(db, "old", "the first")
    pass_time(db, timedelta(hours=1))
    await fail(db, "new", "the second")
    failures, total = await listed(db)
    assert [(failure.chat_id, failure.last_error) for failure in failures] == [
        ("old", "the first"),
        ("new", "the second"),
    ]
    assert (failures[0].key, failures[0].owner_hash) == (key_of("old"), hash_owner(OWNER))
    assert (failures[0].attempts, failures[0].pending, total) == (1, 1, 2)
    assert failures[1].failed_at - failures[0].failed_at >= timedelta(hours=1)


async def test_the_list_is_bounded_and_counts_what_it_leaves_out(db: Database) -> None:
    """Without `limit $1` in list_failures a night's outage would fill the screen, and the memory."""
    for number in range(3):
        await fail(db, f"chat {number}")
    failures, total = await listed(db, 2)
    assert (len(failures), total) == (2, 3)


async def test_a_redriven_chat_is_due_as_if_never_tried_and_others_stay(db: Database) -> None:
    """Without `attempts = 0` in redrive_chats its first new failure would be its last."""
    await fail(db, "mended")
    await fail(db, "other")
    assert await redrive_chats(db, [key_of("mended"), key_of("nobody")]) == {key_of("mended")}
    (claim,) = await claim_due(db, key_of("mended"))
    assert (claim.attempts, claim.lease_expiries) == (0, 0)
    assert await claim_due(db, key_of("other")) == []
    assert [failure.chat_id for failure in (await listed(db))[0]] == ["other"]


async def test_every_failed_chat_of_every_bucket_can_be_redriven_at_once(db: Database) -> None:
    """Without find_failed_buckets, or the loop in redrive_all, only one bucket's chats would be tried again."""
    chats = [f"chat {number}" for number in range(12)]
    for chat_id in chats:
        await fail(db, chat_id)
    await append(db, "well", "hello")
    assert await redrive_all(db) == {key_of(chat_id) for chat_id in chats}
    assert (await listed(db))[1] == 0
    assert (await db.run(chat_work.count_work)).due == 13


async def test_a_failed_chat_that_somebody_tries_already_is_left_alone(db: Database) -> None:
    """Without `lease_token is null` in redrive_chats `due_at`, the lease's end, would move under its holder."""
    await fail(db, "tried")
    async with db.session() as session:
        assert await chat_work.claim_chat(session, key_of("tried"), timedelta(seconds=30), (token := uuid4()))
    assert await redrive_all(db) == set()
    async with db.session() as session:
        lease = "select lease_token from chat_memory.chat_work where failed_at is not null"
        assert await session.connection.fetchval(lease) == token


@pytest.mark.parametrize("everything", [True, False])
async def test_redriving_wakes_the_workers(db: Database, heard: Ears, *, everything: bool) -> None:
    """Without ring in failures._redrive they would come at the next poll only."""
    await fail(db, "a")
    await ring_until_heard(db, heard)
    await (redrive_all(db) if everything else redrive_chats(db, [key_of("a")]))
    assert await heard.wait() == [Ring(key_of("a"), grew=True)]
