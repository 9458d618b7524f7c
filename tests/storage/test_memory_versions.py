"""Reading versions: bounded pages, without the memories they made, and each memory as far as it reached then."""

import pytest

from chat_memory.models import Change, Fact, Memory
from chat_memory.storage import memory_versions
from chat_memory.storage.database import Database
from chat_memory.storage.memory_versions import PAGE_BYTES, PAGE_VERSIONS, WAY_VERSIONS
from tests.chats import OWNER, append, key_of
from tests.prompts.said import known

CHAT = "a"
KEEP = """
insert into chat_memory.memory_versions (bucket, chat, version, from_seq, covers_seq, replaces_version, delta, memory,
    summarizer, model, tokens_in, tokens_out, degraded, created_at)
select $1, $2, version, $4, $5, $6, $7, $8, 'test', '', 0, 0, $9, now()
from unnest($3::integer[]) as version
"""


async def keep(
    db: Database,
    *versions: int,
    turns: tuple[int, int] = (1, 1),
    replaces: int | None = None,
    change: Change | None = None,
    memory: str | None = None,
    degraded: bool = False,
) -> None:
    """Put versions in place as folds would."""
    stored = (change or Change()).model_dump_json(), memory or Memory().model_dump_json()
    async with db.session() as session:
        await session.connection.execute(KEEP, *key_of(CHAT), versions, *turns, replaces, *stored, degraded)


def wordy(characters: int) -> Change:
    """A change of so many characters."""
    return Change(left_summary=("x" * characters,))


async def listed(db: Database, after: int = 0, upto: int = 2**31 - 1) -> tuple[list[int], int]:
    """The versions of a page, and how many were wanted."""
    async with db.session() as session:
        page = await memory_versions.list_versions(session, key_of(CHAT), after, upto)
    assert page is not None
    return [version.step.version for version in page.versions], page.wanted


async def test_a_page_of_versions_is_bounded_and_counts_the_rest(db: Database) -> None:
    """Without the limit of list_versions a chat of a hundred thousand folds would be read whole."""
    await append(db, CHAT, "one")
    await keep(db, *range(1, PAGE_VERSIONS + 51))
    shown, wanted = await listed(db)
    assert (shown, wanted) == (list(range(PAGE_VERSIONS + 50, 50, -1)), PAGE_VERSIONS + 50)
    assert await listed(db, upto=50) == (list(range(50, 0, -1)), 50)
    assert await listed(db, after=100, upto=103) == ([103, 102, 101], 3)


async def test_a_page_ends_where_its_bytes_do_after_at_least_one_version(db: Database) -> None:
    """Without the sum of bytes two hundred large changes would be one page."""
    await append(db, CHAT, "one")
    await keep(db, 1, 2, 3, change=wordy(PAGE_BYTES))
    assert await listed(db) == ([3], 3)


async def test_listing_does_not_read_the_memories(db: Database) -> None:
    """A memory that is none of ours would fail where it is read: with `memory` in list_versions this does."""
    await append(db, CHAT, "one")
    await keep(db, 1, memory='{"broken": true}')
    assert await listed(db) == ([1], 1)
    async with db.session() as session:
        with pytest.raises(ValueError, match="broken"):
            await memory_versions.read_past(session, key_of(CHAT), 1)


async def test_a_chat_without_versions_still_says_whose_it_is(db: Database) -> None:
    """With an inner join nobody could compare the owner, and an unknown version would look like an unknown chat."""
    await append(db, CHAT, "one")
    async with db.session() as session:
        page = await memory_versions.list_versions(session, key_of(CHAT), 0, 9)
        past = await memory_versions.read_past(session, key_of(CHAT), 1)
        between = await memory_versions.read_between(session, key_of(CHAT), 1, 0)
        assert await memory_versions.list_versions(session, key_of("nobody"), 0, 9) is None
    assert page is not None
    assert past is not None
    assert between is not None
    assert {(each.known.owner, each.known.last_version) for each in (page, past, between)} == {(OWNER, 0)}
    assert (page.versions, past.memory, between.before, between.after) == ([], None, None, None)


async def test_a_past_memory_reaches_as_far_as_it_did_then(db: Database) -> None:
    """A version in the place of an older one covers that one's turns again, and no others.

    Without `replaces_version is null` in read_past the memory would seem to have lost the turns after them, and without
    `newer.version` it would seem whole before the model had looked.
    """
    await append(db, CHAT, "one", "two", "three", "four")
    await keep(db, 1, turns=(1, 2), degraded=True)
    await keep(db, 2, turns=(3, 4))
    await keep(db, 3, turns=(1, 2), replaces=1)
    seen: list[tuple[int, bool]] = []
    async with db.session() as session:
        for version in (1, 2, 3):
            past = await memory_versions.read_past(session, key_of(CHAT), version)
            assert past is not None
            seen.append((past.covers_seq, past.degraded))
    assert seen == [(2, True), (4, True), (4, False)]


def remembering(fact: Fact) -> str:
    return Memory(user_confirmed=(fact,)).model_dump_json()


async def test_a_long_way_is_explained_by_its_newest_part(db: Database) -> None:
    """Without the bounds of read_between a difference over all of a long chat would read all of its life."""
    await append(db, CHAT, "one")
    await keep(db, 1, memory=remembering(known("city", "Rome")))
    await keep(db, *range(2, WAY_VERSIONS + 50), change=Change(evicted=(known("city", "Rome"),)))
    await keep(db, WAY_VERSIONS + 50, memory=remembering(known("city", "Paris")))
    async with db.session() as session:
        between = await memory_versions.read_between(session, key_of(CHAT), 1, 0)
    assert between is not None
    assert between.before is not None
    assert between.after is not None
    assert [fact.value for fact in (*between.before.user_confirmed, *between.after.user_confirmed)] == ["Rome", "Paris"]
    assert [between.steps[0].version, between.steps[-1].version] == [51, WAY_VERSIONS + 50]


async def test_the_way_of_large_changes_ends_where_its_bytes_do(db: Database) -> None:
    await append(db, CHAT, "one")
    gone = known("city", "x" * PAGE_BYTES)
    await keep(db, 1)
    await keep(db, 2, change=Change(evicted=(gone,)))
    await keep(db, 3, change=Change(evicted=(known("city", "Rome"),)))
    async with db.session() as session:
        between = await memory_versions.read_between(session, key_of(CHAT), 1, 3)
    assert between is not None
    assert [step.version for step in between.steps] == [3]
