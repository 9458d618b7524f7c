"""Fold now, or join the fold in flight."""

from contextlib import suppress
from uuid import uuid4

import anyio

from chat_memory.errors import DatabaseUnreachableError, LostLeaseError, UnknownChatError
from chat_memory.models import Caller, ChatKey, chat_key
from chat_memory.replies import MemoryReply
from chat_memory.storage import chat_work
from chat_memory.storage.bell import Waiter
from chat_memory.storage.chat_work import Claim, Cursor
from chat_memory.tools.awaiting import Progress, hasten, wait_folded
from chat_memory.tools.fold import fold
from chat_memory.tools.get_memory import DEFAULT_TOKENS, read_memory
from chat_memory.tools.intake import check_chat_id
from chat_memory.tools.parameters import ChatId, WaitSeconds
from chat_memory.tools.toolbox import Toolbox

FOLDED_TOKENS = 8
"""What the number of turns folded takes of a reply."""


async def summarize(box: Toolbox, caller: Caller, chat_id: ChatId, wait_seconds: WaitSeconds = 30) -> MemoryReply:
    """Fold all pending turns into the memory now and return it."""
    key = chat_key(caller.owner, check_chat_id(chat_id))
    started = await read_cursor(box, caller, chat_id)
    target = started.head_seq
    if box.fallback is not None and box.settings.worker:  # a wait that is over must not throw a model's answer away
        await hasten(box, key)
        await wait_folded(box, caller.owner, key, target, wait_seconds, report=caller.report)
        return await report_fold(box, caller, chat_id, started)
    if not wait_seconds or box.bell.is_crowded:
        return await report_fold(box, caller, chat_id, started)
    progress = Progress(caller.report, started.done_seq, target)
    with anyio.move_on_after(wait_seconds):
        async with box.bell.waiting(key) as waiter:
            while (now := await read_cursor(box, caller, chat_id)).done_seq < target:
                await progress.tell(now.done_seq)
                await _fold_or_wait(box, key, waiter)
    return await report_fold(box, caller, chat_id, started)


async def report_fold(box: Toolbox, caller: Caller, chat_id: str, started: Cursor) -> MemoryReply:
    """Read the memory, and count what was folded of the turns that were pending at `started`."""
    reply = await read_memory(box, caller, chat_id, DEFAULT_TOKENS - FOLDED_TOKENS)
    return reply.model_copy(update={"folded": max(0, min(started.head_seq, reply.covers_seq) - started.done_seq)})


async def read_cursor(box: Toolbox, caller: Caller, chat_id: str) -> Cursor:
    """Read how far a chat is.

    Raises:
        UnknownChatError: nobody wrote to it.
    """
    key = chat_key(caller.owner, chat_id)
    cursor = await box.db.run(lambda session: chat_work.read_cursor(session, key, caller.owner))
    if cursor is None:
        raise UnknownChatError(chat_id=chat_id)
    return cursor


async def _fold_or_wait(box: Toolbox, key: ChatKey, waiter: Waiter) -> None:
    async with box.calls:
        claimed = await _fold_if_free(box, key)
    if not claimed:
        await waiter.sleep(box.settings.poll_seconds)


async def _fold_if_free(box: Toolbox, key: ChatKey) -> bool:
    """Fold the chat here unless somebody else holds it; False when somebody does."""
    token = uuid4()
    claim: Claim | None = None
    with anyio.CancelScope(shield=True):  # a claim that was made is used or handed back
        claim = await box.db.run(lambda session: chat_work.claim_chat(session, key, box.lease, token))
    if claim is None:
        return False
    with suppress(LostLeaseError, DatabaseUnreachableError):  # taken over, or perhaps written: the cursor tells
        await fold(box, claim)
    return True
