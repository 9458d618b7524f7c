"""Chats by name: whose they are, when they began."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

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


async def begin_conversation(session: Session, key: ChatKey, owner: str, chat_id: str) -> None:
    """Give a chat its name, its owner and a new birth."""
    await session.execute(QUERIES["begin_conversation"], *key, owner, chat_id, uuid4(), session.drift)


async def list_latest_chats(session: Session, owner: str, limit: int) -> list[LatestChat]:
    """List the owner's chats, last written first."""
    rows = await session.fetch(QUERIES["list_latest_chats"], owner, limit, session.drift)
    return [LatestChat(*row) for row in rows]
