"""Beginning a chat with what another one holds."""

from chat_memory.errors import BegunOtherwiseError, NothingToCarryError, UnfoldedChatError, UnknownChatError
from chat_memory.models import Caller, chat_key
from chat_memory.prompts.carrying import carry_over
from chat_memory.prompts.tokens import count_memory
from chat_memory.storage import conversations
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.continuations import begin_continued
from chat_memory.storage.database import Session
from chat_memory.storage.folds import Next
from chat_memory.storage.revisions import lock_ground
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox

FOLD_SECONDS = 20.0
"""How long a chat waits for the fold of the one it continues."""


async def continue_chat(box: Toolbox, caller: Caller, chat_id: str, source: str) -> None:
    """Begin `chat_id` with the confirmed facts and the summary of `source`, folded up to now; once, however often.

    Raises:
        ContinueError: the chat began otherwise, or there is nothing to carry over (yet).
        UnknownChatError: nobody wrote to `source`.
    """
    if await _has_begun(box, caller, chat_id, source):
        return
    await summarize(box, caller, source, FOLD_SECONDS)
    key = chat_key(caller.owner, chat_id)

    async def carry(session: Session) -> Next:
        held = await _lock_folded(session, caller, source)
        admitted = carry_over(held.memory, source, box.settings.memory_tokens)
        first = StoredMemory(1, admitted.memory, degraded=held.degraded)
        return Next(0, first, count_memory(admitted.memory), admitted.change)

    if not await begin_continued(box.db, caller.owner, key, (chat_id, source), carry):
        await _has_begun(box, caller, chat_id, source)  # somebody else began it meanwhile: perhaps with another


async def _has_begun(box: Toolbox, caller: Caller, chat_id: str, source: str) -> bool:
    key = chat_key(caller.owner, chat_id)
    begun = await box.db.run(lambda session: conversations.read_beginning(session, key, caller.owner))
    if begun not in (None, source):
        raise BegunOtherwiseError(chat_id=chat_id, how=f"as the continuation of {begun!r}" if begun else "on its own")
    return begun is not None


async def _lock_folded(session: Session, caller: Caller, source: str) -> StoredMemory:
    """Hold a memory that covers all its chat's turns: what is pending would not be carried over, and not be missed."""
    ground = await lock_ground(session, chat_key(caller.owner, source), caller.owner)
    if ground is None:
        raise UnknownChatError(chat_id=source)
    memory, pending = ground.stored.memory, ground.cursor.head_seq - ground.cursor.done_seq
    if pending:
        raise UnfoldedChatError(chat_id=source, pending=pending)
    if not memory.user_confirmed and not memory.general_summary:
        raise NothingToCarryError(chat_id=source)
    return ground.stored
