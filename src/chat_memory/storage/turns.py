"""The ledger: the append-only turns of every chat, byte for byte."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from chat_memory.models import ChatKey, NewTurn, Turn
from chat_memory.storage.database import Record, Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("turns")


@dataclass(frozen=True, slots=True)
class Call:
    """One call on its way into the ledger: whose, what, and the id its outcome can be looked up by."""

    key: ChatKey
    owner: str
    chat_id: str
    turns: Sequence[NewTurn]
    call_id: UUID
    source: str
    idempotency_key: str
    request_hash: bytes


async def find_call(session: Session, key: ChatKey, call_id: UUID) -> tuple[int, int] | None:
    """Find the first and last seq a call wrote, None when it never committed."""
    row = await session.fetch_row(QUERIES["find_call"], *key, call_id)
    return (row["first_seq"], row["last_seq"]) if row and row["first_seq"] is not None else None


async def read_turns(session: Session, key: ChatKey, seqs: Collection[int]) -> dict[int, Turn]:
    """Read the named turns, by seq."""
    rows = await session.fetch(QUERIES["read_turns"], *key, sorted(seqs)) if seqs else []
    return {row["seq"]: read_turn(row) for row in rows}


async def read_history(
    session: Session, key: ChatKey, before_seq: int, limit: int, limit_bytes: int
) -> tuple[str, list[Turn]]:
    """Read the newest turns before `before_seq`, oldest first, and the owner they belong to."""
    rows = await session.fetch(QUERIES["read_history"], *key, before_seq, limit, limit_bytes)
    return (rows[0]["owner"] if rows else ""), [read_turn(row) for row in reversed(rows)]


def read_turn(row: Record) -> Turn:
    """Read a turn out of a row."""
    return Turn(row["seq"], row["role"], row["attested"], row["content"], row["created_at"])
