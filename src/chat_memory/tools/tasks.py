"""Tools answered later: a call that would wait becomes a task, and any process reads from the ledger how far it is."""

import re
from typing import Any
from uuid import UUID

from chat_memory.errors import UnknownChatError
from chat_memory.models import Caller, ChatKey, chat_key
from chat_memory.replies import MemoryReply, Receipt
from chat_memory.storage import tasks
from chat_memory.storage.chat_work import Cursor
from chat_memory.storage.receipts import Span
from chat_memory.storage.tasks import Task, TaskTool
from chat_memory.telemetry import Event, log
from chat_memory.tools.awaiting import hasten, wait_folded
from chat_memory.tools.intake import check_chat_id
from chat_memory.tools.summarize import read_cursor, report_fold, summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import name_receipt, update_memory

GRACE_SECONDS = 0.25
"""A fold that takes no longer is waited for: its caller gets the reply at once and need not come back."""
TASK_ID = re.compile("(?P<chat>[0-9a-f]{32})-(?P<task>[0-9a-f]{32})")


async def start_update(
    box: Toolbox,
    caller: Caller,
    chat_id: str,
    *,
    wait_seconds: float,
    **said: Any,  # noqa: ANN401 - as update_memory
) -> Receipt | Task:
    """Write what was said; instead of waiting long for its fold, return a task."""
    grace = min(wait_seconds, GRACE_SECONDS)
    receipt = await update_memory(box, caller, chat_id, wait_seconds=grace, **said)
    if not wait_seconds or receipt.status == "complete":
        return receipt
    span = Span(receipt.first_seq, receipt.seq)
    return await _open(box, caller, "update_memory", chat_id, span, redacted=receipt.redacted) or receipt


async def start_summarize(box: Toolbox, caller: Caller, chat_id: str, *, wait_seconds: float) -> MemoryReply | Task:
    """Make the chat due now for any worker; instead of waiting long for its fold, return a task.

    Without a worker in this process nobody may ever fold it: then the call folds and waits itself.
    """
    key = chat_key(caller.owner, check_chat_id(chat_id))
    started = await read_cursor(box, caller, chat_id)
    if not wait_seconds or not box.settings.worker:
        return await summarize(box, caller, chat_id, wait_seconds)
    await hasten(box, key)
    if await wait_folded(box, caller.owner, key, started.head_seq, min(wait_seconds, GRACE_SECONDS)):
        return await report_fold(box, caller, chat_id, started)
    task = await _open(box, caller, "summarize", chat_id, Span(started.done_seq + 1, started.head_seq))
    if task is None:
        raise UnknownChatError(chat_id=chat_id)
    return task


async def read_task(box: Toolbox, caller: Caller, task_id: str) -> Task | None:
    """Read how far a task is; None for an id that is not one of the caller's, whatever the reason.

    An end that was told once stays: a failed fold that is tried again later does not bring its task back.
    """
    place = _place(task_id)
    if place is None:
        return None
    key, number = place
    task = await box.db.run(lambda session: tasks.find_task(session, key, caller.owner, number))
    if task is None or task.status != "failed":
        return task
    await box.db.run(lambda session: tasks.end_task(session, key, caller.owner, number, "failed"))
    return await box.db.run(lambda session: tasks.find_task(session, key, caller.owner, number))


async def cancel_task(box: Toolbox, caller: Caller, task_id: str) -> bool:
    """Stop waiting: the turns stay and are folded all the same. False for an id that is not one of the caller's."""
    place = _place(task_id)
    if place is None or await read_task(box, caller, task_id) is None:
        return False
    key, number = place
    await box.db.run(lambda session: tasks.end_task(session, key, caller.owner, number, "cancelled"))
    return True


async def read_reply(box: Toolbox, caller: Caller, task: Task) -> Receipt | MemoryReply:
    """Build what the call of a completed task would have returned, had it waited."""
    if task.tool == "summarize":
        return await report_fold(box, caller, task.chat_id, Cursor(task.last_seq, task.first_seq - 1))
    return Receipt(
        queue_id=name_receipt(chat_key(caller.owner, task.chat_id), task.last_seq),
        status="complete",
        first_seq=task.first_seq,
        seq=task.last_seq,
        pending=0,
        estimated_completion=task.updated_at,
        redacted=task.redacted,
    )


async def _open(
    box: Toolbox, caller: Caller, tool: TaskTool, chat_id: str, span: Span, *, redacted: dict[str, int] | None = None
) -> Task | None:
    key = chat_key(caller.owner, chat_id)
    number = await tasks.open_task(box.db, key, caller.owner, tool, span, redacted=redacted)
    if number is None:
        return None
    log(Event.TASK_OPENED, tool=tool, bucket=key.bucket)
    return await box.db.run(lambda session: tasks.find_task(session, key, caller.owner, number))


def _place(task_id: str) -> tuple[ChatKey, UUID] | None:
    """Read where a task would be; None for what is no id of ours."""
    match = TASK_ID.fullmatch(task_id)
    if match is None:
        return None
    chat = bytes.fromhex(match["chat"])
    return ChatKey(chat[0], chat), UUID(hex=match["task"])
