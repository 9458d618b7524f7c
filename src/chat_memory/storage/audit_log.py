"""Who did what, in numbers that outlive what they count."""

import json
from collections.abc import Mapping

from chat_memory.storage.database import Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("audit_log")


async def record_action(session: Session, owner: str, action: str, counts: Mapping[str, int]) -> None:
    """Write one line: the owner, the action, and its counts. Never a chat id, never content."""
    await session.execute(QUERIES["record_action"], owner, action, json.dumps(dict(counts)), session.drift)
