"""Versions written outside a fold: a person's verdict, facts taken back or carried over, under the chat's lock."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID, uuid4

import anyio
from pydantic import TypeAdapter

from chat_memory.models import Change, ChatKey, Fact
from chat_memory.storage import chat_metadata, chat_work
from chat_memory.storage.bell import Ring, ring
from chat_memory.storage.chat_metadata import FACTS, REJECTED, StoredMemory
from chat_memory.storage.chat_work import Cursor
from chat_memory.storage.database import Database, Session, retried
from chat_memory.storage.folds import Next
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("revisions")
HEIR: TypeAdapter[Fact | None] = TypeAdapter(Fact | None)

Reviser: TypeAlias = Literal["verdict", "restore", "continue"]
"""Who made a version that folds no turn, in the place where a fold names its summarizer."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a revision starts from: cursor and memory of one moment."""

    cursor: Cursor
    stored: StoredMemory


@dataclass(frozen=True, slots=True)
class Revised:
    """The version a chat has now, and what the call changed; None: the memory says so already."""

    version: int
    change: Change | None


Decide: TypeAlias = Callable[[Session, Ground], Awaitable[Next | None]]
"""Makes the next memory of what stands, or leaves it as it is (None). It may read, and refuses by raising: then nothing
is written. It may run twice."""


async def revise(db: Database, owner: str, key: ChatKey, reviser: Reviser, decide: Decide) -> Revised | None:
    """Write what `decide` makes of a chat's memory as its next version; None for a chat that does not exist.

    Committed on return. After a lost answer the version is looked up by the call's own id, never written twice.

    Raises:
        OwnerMismatchError: the row is another owner's.
        DatabaseUnreachableError: nobody answers; whether it was written is unknown.
    """
    call_id = uuid4()

    async def write(session: Session, *, unknown: bool) -> Revised | None:
        ground = await lock_ground(session, key, owner)
        if ground is None:
            return None
        written = await find_revision(session, key, call_id) if unknown else None
        if written is not None:
            return written
        following = await decide(session, ground)
        if following is None:
            return Revised(ground.stored.version, None)
        await write_revision(session, key, ground, following, reviser, call_id)
        return Revised(following.after.version, following.change)

    with anyio.CancelScope(shield=True):
        return await retried(lambda tries: db.transact(lambda session: write(session, unknown=tries > 0)))
    raise AssertionError  # the line above returns or raises


async def lock_ground(session: Session, key: ChatKey, owner: str) -> Ground | None:
    """Lock a chat for this transaction and read what it is: no fold can be written until the end.

    Raises:
        OwnerMismatchError: the row is another owner's.
    """
    cursor = await chat_work.lock_chat(session, key, owner)
    return None if cursor is None else Ground(cursor, await chat_metadata.read_memory(session, key))


async def read_ground(session: Session, key: ChatKey, owner: str) -> Ground | None:
    """Read what a chat is without holding it: it may be another by the time something is written.

    Raises:
        OwnerMismatchError: the row is another owner's.
    """
    cursor = await chat_work.read_cursor(session, key, owner)
    return None if cursor is None else Ground(cursor, await chat_metadata.read_memory(session, key))


async def find_revision(session: Session, key: ChatKey, call_id: UUID) -> Revised | None:
    """Find the version a call wrote, None when it never committed."""
    row = await session.fetch_row(QUERIES["find_revision"], *key, call_id)
    return Revised(row["version"], Change.model_validate_json(row["delta"])) if row else None


async def write_revision(
    session: Session, key: ChatKey, ground: Ground, following: Next, reviser: Reviser, call_id: UUID
) -> None:
    """Write a memory and its version, and ring; the caller holds the chat's lock, under which it read `ground`."""
    memory = following.after.memory
    await session.execute(
        QUERIES["write_revision"],
        *key,
        following.after.version,
        ground.cursor.done_seq,
        following.change.model_dump_json(),
        memory.model_dump_json(),
        reviser,
        call_id,
        FACTS.dump_json(memory.user_confirmed).decode(),
        FACTS.dump_json(memory.llm_inferred).decode(),
        memory.general_summary,
        REJECTED.dump_json(memory.rejected).decode(),
        following.tokens,
        session.drift,
        following.after.degraded,
    )
    await ring(session, Ring(key, grew=False))


async def find_heirs(session: Session, key: ChatKey, ids: Collection[str]) -> dict[str, tuple[Fact | None, int]]:
    """Find by id what took the place of facts that are gone, None where nothing did, and in which version."""
    rows = await session.fetch(QUERIES["find_heirs"], *key, sorted(ids)) if ids else []
    return {row["id"]: (HEIR.validate_json(row["heir"]), row["version"]) for row in rows}
