"""Remember what was said."""

from uuid import uuid4

from chat_memory.models import Caller, ChatKey, chat_key
from chat_memory.replies import Receipt
from chat_memory.storage.bell import Ring
from chat_memory.storage.ledger import Appended
from chat_memory.storage.turns import Call
from chat_memory.tools.awaiting import wait_folded
from chat_memory.tools.continuing import continue_chat
from chat_memory.tools.intake import check_chat_id, check_key, hash_request, read_turns
from chat_memory.tools.parameters import ChatId, ContinueFrom, IdempotencyKey, Messages, Snippet, WaitSeconds
from chat_memory.tools.redaction import redact
from chat_memory.tools.toolbox import Toolbox


async def update_memory(
    box: Toolbox,
    caller: Caller,
    chat_id: ChatId,
    messages: Messages = [],  # noqa: B006 - never changed, and the schema's default
    snippet: Snippet = "",
    idempotency_key: IdempotencyKey = "",
    wait_seconds: WaitSeconds = 0,
    continue_from: ContinueFrom = "",
) -> Receipt:
    """Remember what was just said in a chat. Call after every exchange.

    Returns once it is durable; get_memory shows it at once, as pending until the memory has it.
    """
    said = read_turns(messages, snippet)
    key = chat_key(caller.owner, check_chat_id(chat_id))
    check_key(idempotency_key)
    if continue_from:
        await continue_chat(box, caller, chat_id, check_chat_id(continue_from, "continue_from"))
    turns, redacted = await redact(box, caller, key, said)
    call = Call(key, caller.owner, chat_id, turns, uuid4(), "mcp", idempotency_key, hash_request(turns))
    appended = await box.ledger.append(call)
    box.bell.announce(Ring(key, grew=True))
    folded = appended.head_seq - appended.pending >= appended.span.last_seq
    folded = folded or await wait_folded(
        box, caller.owner, key, appended.span.last_seq, wait_seconds, report=caller.report
    )
    receipt = _receipt(box, call, appended, folded=folded)
    return receipt.model_copy(update={"redacted": redacted}) if redacted else receipt


def _receipt(box: Toolbox, call: Call, appended: Appended, *, folded: bool) -> Receipt:
    expected = appended.at + box.pace.waited if box.pace.waited is not None else None
    return Receipt(
        queue_id=name_receipt(call.key, appended.span.last_seq),
        status="complete" if folded else "pending_summarization",
        first_seq=appended.span.first_seq,
        seq=appended.span.last_seq,
        pending=0 if folded else appended.pending,
        estimated_completion=appended.at if folded else expected,
    )


def name_receipt(key: ChatKey, seq: int) -> str:
    """Name the turns of a call by the last of them."""
    return f"{key.chat.hex()}-{seq}"
