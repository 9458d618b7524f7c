"""A chat that begins with what another one holds."""

from uuid import uuid4

import anyio

from chat_memory.models import ChatKey
from chat_memory.storage import chat_work, conversations
from chat_memory.storage.chat_metadata import NO_MEMORY
from chat_memory.storage.chat_work import Cursor
from chat_memory.storage.database import Database, Session, retried
from chat_memory.storage.folds import Next
from chat_memory.storage.revisions import Ground, write_revision


async def begin_continued(db: Database, owner: str, key: ChatKey, names: tuple[str, str], first: Next) -> bool:
    """Begin a chat with `first` as its version 1, before any turn; False when it has begun already, by whomever.

    `names` are its own id and that of the chat it continues. Committed on return; after a lost answer it is asked
    again, and what was written then counts as begun already.
    """
    chat_id, source = names

    async def begin(session: Session) -> bool:
        if not await chat_work.open_chat(session, key, owner):
            return False
        await conversations.begin_conversation(session, key, owner, chat_id, source)
        await write_revision(session, key, Ground(Cursor(0, 0), NO_MEMORY), first, "continue", uuid4())
        return True

    with anyio.CancelScope(shield=True):
        return await retried(lambda _: db.transact(begin))
    raise AssertionError  # the line above returns or raises
