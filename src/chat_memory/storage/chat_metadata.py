"""The memory of every chat as it stands now."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from chat_memory.models import ChatKey, Fact, Memory, Rejected
from chat_memory.storage.database import Record, Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("chat_metadata")
FACTS = TypeAdapter(tuple[Fact, ...])
REJECTED = TypeAdapter(tuple[Rejected, ...])


@dataclass(frozen=True, slots=True)
class StoredMemory:
    """A memory and its version, 0 before the first fold."""

    version: int
    memory: Memory
    degraded: bool = False


NO_MEMORY = StoredMemory(0, Memory())
"""What a chat has before its first fold."""


async def read_memory(session: Session, key: ChatKey) -> StoredMemory:
    """Read a chat's memory, empty at version 0 when it has none yet."""
    row = await session.fetch_row(QUERIES["read_memory"], *key)
    return read_stored(row) if row else NO_MEMORY


def read_stored(row: Record) -> StoredMemory:
    """Read a memory out of a row; who only shows it asks for no rejected facts."""
    memory = Memory(
        user_confirmed=FACTS.validate_json(row["user_confirmed"]),
        llm_inferred=FACTS.validate_json(row["llm_inferred"]),
        general_summary=row["general_summary"],
        rejected=REJECTED.validate_json(row.get("rejected", "[]")),
    )
    return StoredMemory(row["version"], memory, row["degraded"])
