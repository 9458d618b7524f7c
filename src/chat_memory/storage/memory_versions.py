"""Every version a memory had, with what it changed and what it cost."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chat_memory.models import Change, ChatKey, Memory
from chat_memory.storage.database import Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("memory_versions")


@dataclass(frozen=True, slots=True)
class Version:
    """One version: the turns it folded, what it changed, and the memory that came out."""

    version: int
    from_seq: int
    covers_seq: int
    replaces_version: int | None
    delta: Change
    memory: Memory
    summarizer: str
    model: str
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost_usd: float
    degraded: bool
    counting: str
    created_at: datetime


async def read_versions(session: Session, key: ChatKey) -> list[Version]:
    """Read every version of a chat's memory, oldest first."""
    return [_version(dict(row)) for row in await session.fetch(QUERIES["read_versions"], *key)]


def _version(row: dict[str, Any]) -> Version:
    row["delta"] = Change.model_validate_json(row["delta"])
    row["memory"] = Memory.model_validate_json(row["memory"])
    return Version(**row)
