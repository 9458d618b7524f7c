"""Chats by name: whose they are, when they began."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from chat_memory.errors import OwnerMismatchError
from chat_memory.models import ChatKey
from chat_memory.storage.database import Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("conversations")


@dataclass(frozen=True, slots=True)
class LatestChat:
    """One line of an owner's list of chats."""

    owner: str
    chat_id: str
    first_line: str
    last_turn_at: datetime
    age: timedelta
    turns: int


async def begin_conversation(
    session: Session, key: ChatKey, owner: str, chat_id: str, continued_from: str | None = None
) -> None:
    """Give a chat its name, its owner, a new birth and, where it continues one, that chat's name."""
    await session.execute(QUERIES["begin_conversation"], *key, owner, chat_id, uuid4(), session.drift, continued_from)


async def read_beginning(session: Session, key: ChatKey, owner: str) -> str | None:
    """Read which chat this one continues, `""` when none; None for a chat that has not begun.

    Raises:
        OwnerMismatchError: the row is another owner's.
    """
    row = await session.fetch_row(QUERIES["read_beginning"], *key)
    if row is not None and row["owner"] != owner:
        raise OwnerMismatchError
    return (row["continued_from"] or "") if row else None


async def list_latest_chats(session: Session, owner: str, limit: int) -> list[LatestChat]:
    """List the owner's chats, last written first."""
    rows = await session.fetch(QUERIES["list_latest_chats"], owner, limit, session.drift)
    return [LatestChat(*row) for row in rows]
