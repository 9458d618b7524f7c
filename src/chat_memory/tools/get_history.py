"""Read a chat as it was said."""

from chat_memory.models import Caller, chat_key
from chat_memory.replies import HistoryReply, TurnReply
from chat_memory.storage import turns
from chat_memory.tools.intake import check_chat_id
from chat_memory.tools.ownership import refuse_other_owner
from chat_memory.tools.parameters import Before, ChatId, Limit
from chat_memory.tools.toolbox import Toolbox

NEWEST = 2**31 - 1
"""No turn has this number: the page before it begins with the newest."""
PAGE_BYTES = 256 * 1024
"""A page ends here, after at least one turn: no reply is larger than the largest turn and a little."""


async def get_history(
    box: Toolbox, caller: Caller, chat_id: ChatId, limit: Limit = 20, before: Before = 0
) -> HistoryReply:
    """Read a chat's turns word for word, newest page first."""
    key = chat_key(caller.owner, check_chat_id(chat_id))
    below = min(before or NEWEST, NEWEST)
    owner, page = await box.db.run(lambda session: turns.read_history(session, key, below, limit, PAGE_BYTES))
    if page:
        refuse_other_owner(caller, owner)
    return HistoryReply(
        chat_id=chat_id,
        turns=tuple(
            TurnReply(
                seq=turn.seq,
                role=turn.role,
                content=turn.content,
                attested=turn.attested,
                created_at=turn.created_at,
            )
            for turn in page
        ),
        before=page[0].seq if page and page[0].seq > 1 else None,
    )
