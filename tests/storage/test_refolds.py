"""Which chats are claimed for a second look, in which order, and what a claim leaves behind."""

from datetime import timedelta
from uuid import uuid4

from chat_memory.models import Draft, chat_key
from chat_memory.storage import chat_work, refolds
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Database
from chat_memory.storage.ledger import Ledger
from chat_memory.storage.migrations import list_migrations
from tests.chats import LEASE, append, call, claim_due, claim_one, draft, key_of, pass_time
from tests.folding import finish_fold

TRIES = 3
MARK = """
update chat_memory.chat_work set refold_from = 1, refold_due_at = now() + $1::interval where bucket = $2 and chat = $3
"""


async def stale(db: Database, chat_id: str, owner: str = "alice", after: timedelta = timedelta()) -> None:
    """Leave a folded chat that is due for another look."""
    await Ledger(db).append(call(chat_id, "hello", owner=owner))
    key = chat_key(owner, chat_id)
    (claim,) = await claim_due(db, key)
    async with db.session() as session:
        await finish_fold(session, claim, 1)
        await session.connection.execute(MARK, after, *key)


async def claim(db: Database, bucket: int, limit: int = 10) -> list[Claim]:
    async with db.session() as session:
        return await refolds.claim_refolds(session, bucket, limit, LEASE, uuid4(), TRIES)


async def test_owners_take_turns_and_who_waits_longest_comes_first(db: Database) -> None:
    """Without `round` in claim_refolds an owner with a flood of them would be looked at alone."""
    flood = [name for name in (f"flood {number}" for number in range(9_000)) if key_of(name).bucket == 7][:6]
    for place, name in enumerate(flood):
        await stale(db, name, after=timedelta(milliseconds=place))
    late = next(name for name in (f"late {number}" for number in range(5_000)) if chat_key("bob", name).bucket == 7)
    await stale(db, late, owner="bob", after=timedelta(milliseconds=99))
    pass_time(db, timedelta(seconds=1))
    assert await db.run(lambda session: refolds.find_refold_buckets(session, 5)) == [7]
    assert {each.key for each in await claim(db, 7, 3)} == {*map(key_of, flood[:2]), chat_key("bob", late)}
    assert {each.key for each in await claim(db, 7)} == set(map(key_of, flood[2:]))
    assert await claim(db, 7) == []


async def test_a_claim_that_is_held_elsewhere_is_passed_by(db: Database) -> None:
    """Without skip locked a worker would wait for another's transaction."""
    await stale(db, "a")
    async with db.session() as other, other.connection.transaction():
        await chat_work.lock_chat(other, key_of("a"), "alice")
        assert await claim(db, key_of("a").bucket) == []
    assert len(await claim(db, key_of("a").bucket)) == 1


async def test_a_chat_that_ends_its_workers_is_not_claimed_for_ever(db: Database) -> None:
    """Without the case in claim_refolds a re-fold that kills whoever tries it would be tried without end."""
    await stale(db, "a")
    for attempt in range(1, TRIES + 1):
        (found,) = await claim(db, key_of("a").bucket)
        assert found.attempts == attempt
        pass_time(db, LEASE + timedelta(seconds=1))
        async with db.session() as session:
            await chat_work.hand_back_leases(session, [await claim_one(db, "a")])
    assert await claim(db, key_of("a").bucket) == []
    assert await refolds.redrive_refolds(db, None) == {key_of("a")}
    assert [each.attempts for each in await claim(db, key_of("a").bucket)] == [1]


async def test_what_a_lost_claim_got_is_as_it_was(db: Database) -> None:
    """Without hand_back_refolds it would wait for the end of leases nobody holds, and be counted."""
    await stale(db, "a")
    (found,) = await claim(db, key_of("a").bucket)
    async with db.session() as session:
        assert await refolds.hand_back_refolds(session, found.key.bucket, found.token) == 1
    (again,) = await claim(db, key_of("a").bucket)
    assert again.attempts == 1


async def test_a_lost_lease_can_do_nothing_any_more(db: Database) -> None:
    """Every statement of a re-fold names the token: without it a worker that slept would write over another's work."""
    await stale(db, "a")
    (lost,) = await claim(db, key_of("a").bucket)
    pass_time(db, LEASE + timedelta(seconds=1))
    async with db.session() as session:
        await chat_work.hand_back_leases(session, [await claim_one(db, "a")])
        (held,) = await claim(db, key_of("a").bucket)
        assert not await refolds.store_refold_draft(session, lost, draft(1))
        assert not await refolds.hand_back_refold(session, lost)
        assert not await refolds.fail_refold(session, lost, timedelta())
        assert await refolds.store_refold_draft(session, held, draft(1))


async def test_a_folds_draft_and_a_second_looks_are_never_taken_for_each_other(db: Database) -> None:
    """With one column for both, the turns that came in between would be folded by an answer about others."""
    await stale(db, "a")
    (found,) = await claim(db, key_of("a").bucket)
    kept: Draft = draft(1, "Seen again.").model_copy(update={"replaces_version": 1})
    async with db.session() as session:
        assert await refolds.store_refold_draft(session, found, kept)
        await refolds.hand_back_refold(session, found)
    await append(db, "a", "more")
    folding = await claim_one(db, "a")
    assert folding.draft is None
    async with db.session() as session:
        await finish_fold(session, folding, 2)
    (again,) = await claim(db, key_of("a").bucket)
    assert again.draft == kept


async def test_chats_degraded_before_there_were_second_looks_get_one(db: Database) -> None:
    """Without the update in the migration what extraction made until then would stay so."""
    await append(db, "a", "hello")
    async with db.session() as session:
        await finish_fold(session, await claim_one(db, "a"), 1, degraded=True)
        (step,) = [each for each in list_migrations() if each.number == 4]
        update = next(part for part in step.sql.split(";") if "update " in part)
        await session.connection.execute(update)
    assert len(await claim(db, key_of("a").bucket)) == 1


async def test_a_second_looks_draft_nobody_can_read_is_made_anew(db: Database) -> None:
    """Without read_draft in claim_refolds one draft of another version of the program would end every worker."""
    await stale(db, "a")
    async with db.session() as session:
        await session.connection.execute("update chat_memory.chat_work set refold_draft = '{\"of_tomorrow\": 1}'")
    (claimed,) = await claim(db, key_of("a").bucket)
    assert claimed.draft is None
