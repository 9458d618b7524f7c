"""Forget a chat."""

from chat_memory.models import Caller, chat_key
from chat_memory.replies import ForgetReply
from chat_memory.storage import lives
from chat_memory.storage.bell import Ring
from chat_memory.telemetry import Event, log
from chat_memory.tools.intake import check_chat_id
from chat_memory.tools.parameters import ChatId
from chat_memory.tools.toolbox import Toolbox


async def forget(box: Toolbox, caller: Caller, chat_id: ChatId) -> ForgetReply:
    """Delete a chat for good: turns, memory, versions. Only when the user asks. Returns what was deleted."""
    key = chat_key(caller.owner, check_chat_id(chat_id))
    deleted = await lives.forget(box.db, caller.owner, key)
    box.bell.announce(Ring(key, grew=False))
    log(Event.CHAT_FORGOTTEN, turns=deleted["turns"])
    return ForgetReply(chat_id=chat_id, deleted=deleted)
