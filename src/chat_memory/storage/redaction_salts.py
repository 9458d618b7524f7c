"""What the placeholders of a chat are made with: a secret of its own, that ends with it."""

import secrets

from chat_memory.models import ChatKey
from chat_memory.storage import chat_work
from chat_memory.storage.chat_work import check_owner, hash_owner
from chat_memory.storage.database import Database, Session, retried
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("redaction_salts")
SALT_BYTES = 32


async def find_salt(db: Database, key: ChatKey, owner: str) -> bytes | None:
    """Read a chat's salt; None when nothing was redacted in it.

    Raises:
        OwnerMismatchError: the row is another owner's.
    """
    row = await db.run(lambda session: session.fetch_row(QUERIES["read_salt"], *key))
    check_owner(row, owner)
    return bytes(row["salt"]) if row else None


async def read_salt(db: Database, key: ChatKey, owner: str) -> bytes:
    """Read a chat's salt, made when it has none; a chat that is forgotten meanwhile is redacted with the next one.

    Raises:
        OwnerMismatchError: the row is another owner's.
    """
    return await db.run(lambda session: _read_or_make(session, key, owner))


async def read_salt_of_chat(db: Database, key: ChatKey, owner: str) -> bytes | None:
    """Read the salt of a chat that is there, made when it has none; None where there is no chat, and nothing is made.

    Raises:
        OwnerMismatchError: a row is another owner's.
    """

    async def read(session: Session) -> bytes | None:
        if await chat_work.lock_chat(session, key, owner) is None:
            return None
        return await _read_or_make(session, key, owner)

    return await retried(lambda _: db.transact(read))


async def _read_or_make(session: Session, key: ChatKey, owner: str) -> bytes:
    row = await session.fetch_row(QUERIES["read_salt"], *key)
    while row is None:
        fresh = secrets.token_bytes(SALT_BYTES)
        await session.execute(QUERIES["keep_salt"], *key, hash_owner(owner), fresh, session.drift)
        row = await session.fetch_row(QUERIES["read_salt"], *key)
    check_owner(row, owner)
    return bytes(row["salt"])
