"""What this database seals with: shared by its processes, known to nobody else."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from chat_memory.storage.database import Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("sealing_keys")
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A secret of one purpose, and the database's time when it was read."""

    secret: bytes
    at: datetime


async def read_key(session: Session, purpose: str) -> SealingKey:
    """Read the key of a purpose, made when nobody asked before."""
    row = await session.fetch_row(QUERIES["read_key"], purpose, session.drift)
    if row is None:
        await session.execute(QUERIES["keep_key"], purpose, secrets.token_bytes(SECRET_BYTES), session.drift)
        row = await session.fetch_row(QUERIES["read_key"], purpose, session.drift)
    assert row is not None  # noqa: S101 - kept just now, and nobody deletes keys
    return SealingKey(row["secret"], row["at"])
