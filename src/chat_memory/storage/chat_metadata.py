"""The memory of every chat as it stands now."""

from dataclasses import dataclass
from uuid import UUID

from pydantic import TypeAdapter

from chat_memory.models import ChatKey, Fact, Memory, Role
from chat_memory.storage.database import Record, Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("chat_metadata")
FACTS = TypeAdapter(tuple[Fact, ...])
PENDING_TURNS = 300
"""Most pending turns one read shows: with a worker alive there are few, without one the rest is counted and named."""


SHORT_CHARACTERS = 200
"""How much of a pending turn is read once the newer ones fill any reply: what a shortened turn shows."""


@dataclass(frozen=True, slots=True)
class StoredMemory:
    """A memory and its version, 0 before the first fold."""

    version: int
    memory: Memory
    degraded: bool = False


NO_MEMORY = StoredMemory(0, Memory())
"""What a chat has before its first fold."""


@dataclass(frozen=True, slots=True)
class PendingTurn:
    """A turn not folded yet, cut to what a reply can hold; `characters` is its full length."""

    seq: int
    role: Role
    attested: bool
    content: str
    characters: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A chat at one moment: memory, cursor and newest pending turns, oldest first."""

    owner: str
    birth: UUID
    head_seq: int
    done_seq: int
    failed: bool
    lag_ms: int
    stored: StoredMemory
    token_count: int
    pending: list[PendingTurn]


PENDING = TypeAdapter(list[PendingTurn])


async def read_memory(session: Session, key: ChatKey) -> StoredMemory:
    """Read a chat's memory, empty at version 0 when it has none yet."""
    row = await session.fetch_row(QUERIES["read_memory"], *key)
    return read_stored(row) if row else NO_MEMORY


async def read_snapshot(session: Session, key: ChatKey, turn_characters: int) -> Snapshot | None:
    """Read all a reader needs in one statement; None for a chat that does not exist."""
    limits = (PENDING_TURNS, turn_characters, SHORT_CHARACTERS)
    row = await session.fetch_row(QUERIES["read_snapshot"], *key, session.drift, *limits)
    if row is None:
        return None
    return Snapshot(
        owner=row["owner"],
        birth=row["birth"],
        head_seq=row["head_seq"],
        done_seq=row["done_seq"],
        failed=row["failed"],
        lag_ms=row["lag_ms"],
        stored=NO_MEMORY if row["version"] is None else read_stored(row),
        token_count=row["token_count"] or 0,
        pending=PENDING.validate_json(row["pending_turns"] or "[]"),
    )


def read_stored(row: Record) -> StoredMemory:
    """Read a memory out of a row."""
    memory = Memory(
        user_confirmed=FACTS.validate_json(row["user_confirmed"]),
        llm_inferred=FACTS.validate_json(row["llm_inferred"]),
        general_summary=row["general_summary"],
    )
    return StoredMemory(row["version"], memory, row["degraded"])
