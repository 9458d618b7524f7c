"""A chat that begins with what another one holds."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import uuid4

import anyio

from chat_memory.models import ChatKey
from chat_memory.storage import chat_work, conversations
from chat_memory.storage.chat_metadata import NO_MEMORY
from chat_memory.storage.chat_work import Cursor
from chat_memory.storage.database import Database, Session, retried
from chat_memory.storage.folds import Next
from chat_memory.storage.revisions import Ground, write_revision

Carry: TypeAlias = Callable[[Session], Awaitable[Next]]
"""Makes the first memory of what another chat holds, under that one's lock: forgotten meanwhile, it is not carried."""


async def begin_continued(db: Database, owner: str, key: ChatKey, names: tuple[str, str], carry: Carry) -> bool:
    """Begin a chat with what `carry` makes as its version 1, before any turn; False when it has begun, by whomever.

    `names` are its own id and that of the chat it continues. Committed on return; after a lost answer it is asked
    again, and what was written then counts as begun already.
    """
    chat_id, source = names

    async def begin(session: Session) -> bool:
        first = await carry(session)
        if not await chat_work.open_chat(session, key, owner):
            return False
        await conversations.begin_conversation(session, key, owner, chat_id, source)
        await write_revision(session, key, Ground(Cursor(0, 0), NO_MEMORY), first, "continue", uuid4())
        return True

    with anyio.CancelScope(shield=True):
        return await retried(lambda _: db.transact(begin))
    raise AssertionError  # the line above returns or raises
