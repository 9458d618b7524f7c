"""Every version a memory had, with what it changed and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from chat_memory.models import Change, ChatKey, Memory
from chat_memory.storage.database import Record, Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("memory_versions")
PAGE_VERSIONS = 200
"""Most versions of one page."""
PAGE_BYTES = 1024 * 1024
"""A page ends here, after at least one version: what one fold changes is a few kilobytes."""
WAY_VERSIONS = 1_000
"""Most versions whose changes explain a difference, the newest; the memories at both ends tell what others did."""


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


@dataclass(frozen=True, slots=True)
class Known:
    """Whose chat it is, and which versions it has; both 0 before the first."""

    owner: str
    first_version: int
    last_version: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one version did, and who made it."""

    version: int
    change: Change
    summarizer: str = ""
    replaces_version: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One version as a list shows it: without the memory it made."""

    step: Step
    from_seq: int
    covers_seq: int
    model: str
    degraded: bool
    counting: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Versions, newest first, and how many were asked for."""

    known: Known
    wanted: int
    versions: list[Listed]


@dataclass(frozen=True, slots=True)
class Past:
    """A memory as it was, and how far it reached; `memory` None when there is no such version."""

    known: Known
    birth: UUID
    memory: Memory | None
    covers_seq: int
    degraded: bool


@dataclass(frozen=True, slots=True)
class Between:
    """Two memories, None where there is no such version, and the way from the first to the second, oldest first."""

    known: Known
    before: Memory | None
    after: Memory | None
    steps: Sequence[Step]


STEPS = TypeAdapter(list[Step])


async def read_versions(session: Session, key: ChatKey) -> list[Version]:
    """Read every version of a chat's memory, oldest first."""
    return [_version(dict(row)) for row in await session.fetch(QUERIES["read_versions"], *key)]


async def list_versions(session: Session, key: ChatKey, after: int, upto: int) -> Page | None:
    """List the newest versions later than `after` and not later than `upto`; None for a chat that does not exist."""
    rows = await session.fetch(QUERIES["list_versions"], *key, after, upto, PAGE_VERSIONS, PAGE_BYTES)
    if not rows:
        return None
    listed = [_listed(row) for row in rows if row["version"] is not None]
    return Page(_known(rows[0]), rows[0]["wanted"], listed)


async def read_past(session: Session, key: ChatKey, version: int) -> Past | None:
    """Read a memory as it was; None for a chat that does not exist."""
    row = await session.fetch_row(QUERIES["read_past"], *key, version)
    if row is None:
        return None
    return Past(_known(row), row["birth"], _memory(row["memory"]), row["covers_seq"] or 0, bool(row["degraded"]))


async def read_between(session: Session, key: ChatKey, since: int, version: int) -> Between | None:
    """Read what lies between two versions, 0 being the latest; None for a chat that does not exist."""
    row = await session.fetch_row(QUERIES["read_between"], *key, since, version, WAY_VERSIONS, PAGE_BYTES)
    if row is None:
        return None
    steps = STEPS.validate_json(row["steps"]) if row["steps"] else []
    return Between(_known(row), _memory(row["before"]), _memory(row["after"]), steps)


def _known(row: Record) -> Known:
    return Known(row["owner"], row["first_version"] or 0, row["last_version"] or 0)


def _memory(stored: str | None) -> Memory | None:
    return None if stored is None else Memory.model_validate_json(stored)


def _listed(row: Record) -> Listed:
    change = Change.model_validate_json(row["delta"])
    return Listed(
        step=Step(row["version"], change, row["summarizer"], row["replaces_version"]),
        from_seq=row["from_seq"],
        covers_seq=row["covers_seq"],
        model=row["model"],
        degraded=row["degraded"],
        counting=row["counting"],
        created_at=row["created_at"],
    )


def _version(row: dict[str, Any]) -> Version:
    row["delta"] = Change.model_validate_json(row["delta"])
    row["memory"] = Memory.model_validate_json(row["memory"])
    return Version(**row)
