"""The tasks extension: a call that would wait is answered with a task, read from the ledger by any process."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolResult,
    ClientCapabilities,
    EmptyResult,
    MissingRequiredClientCapabilityErrorData,
    RequestParams,
    Result,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel

from chat_memory.errors import ChatMemoryError
from chat_memory.models import Caller
from chat_memory.server.app import Opened
from chat_memory.server.catalogue import Entry, ToolFunction
from chat_memory.storage.tasks import LIFETIME, Task
from chat_memory.tools.tasks import cancel_task, read_reply, read_task, start_summarize, start_update
from chat_memory.tools.toolbox import Toolbox

Context: TypeAlias = ServerRequestContext[Any, Any]
Told = TypeVar("Told")
Enter: TypeAlias = Callable[[Context], Awaitable[tuple[Opened, Caller]]]

EXTENSION = "io.modelcontextprotocol/tasks"
POLL_MS = 1_000
"""How often a client is asked to look: a model takes seconds for a fold."""
STARTS: Mapping[str, ToolFunction] = MappingProxyType({"update_memory": start_update, "summarize": start_summarize})
UNKNOWN = "Unknown task: it never was, it expired, its chat was forgotten, or it is not yours. Call the tool again."
FAILED = (
    "The fold failed as often as it may be tried. The turns are kept and get_memory shows them as pending;"
    " summarize tries again."
)


class TaskParams(RequestParams):
    """Which task is meant."""

    task_id: str


class UpdateTaskParams(TaskParams):
    """Answers to questions; our tasks ask none, so whatever is answered was never asked, and is ignored."""

    input_responses: dict[str, Any]


class TaskFields(Result):
    """What every view of a task carries."""

    task_id: str
    status: Literal["working", "completed", "failed", "cancelled"]
    status_message: str | None = None
    created_at: datetime
    last_updated_at: datetime
    ttl_ms: int = LIFETIME // LIFETIME.resolution // 1_000
    poll_interval_ms: int = POLL_MS


class CreateTaskResult(TaskFields):
    """What a call that became a task is answered with."""

    result_type: Literal["task"] = "task"


class GetTaskResult(TaskFields):
    """A task as it is now: completed with the call's own result, failed with an error."""

    result_type: Literal["complete"] = "complete"
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


def may_start(entry: Entry, context: Context) -> Entry:
    """Let a tool answer with a task, where there is such a way and this request declares the extension."""
    start = STARTS.get(entry.shown.name)
    return replace(entry, function=start) if start is not None and declares(context) else entry


def declares(context: Context) -> bool:
    """Say whether this request declares the extension: a matter of the request, never of an earlier one."""
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return False
    declared = context.session.client_capabilities
    return declared is not None and EXTENSION in (declared.extensions or {})


def refuse_undeclared(context: Context) -> None:
    """Refuse a request that speaks of tasks without declaring them."""
    if not declares(context):
        required = ClientCapabilities(extensions={EXTENSION: {}})
        missing = MissingRequiredClientCapabilityErrorData(required_capabilities=required)
        data = missing.model_dump(by_alias=True, mode="json", exclude_none=True)
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "Missing required client capability", data)


def refuse_undeclared_watch(context: Context) -> None:
    """Refuse a stream that wants news of tasks from a client that does not declare them; to others none is promised."""
    wanted: Mapping[str, Any] = (context.params or {}).get("notifications") or {}
    if wanted.get("taskIds"):
        refuse_undeclared(context)


def created(task: Task) -> CreateTaskResult:
    """Answer a call with its task."""
    return CreateTaskResult(
        task_id=task.task_id, status=task.status, created_at=task.created_at, last_updated_at=task.updated_at
    )


class Tasks:
    """The methods of the extension. `enter` says whose request it is, `show` writes a reply as its tool would."""

    def __init__(self, enter: Enter, show: Callable[[BaseModel], CallToolResult]) -> None:
        """Answer with `show`."""
        self._enter = enter
        self._show = show

    def add_to(self, server: Server[Any]) -> None:
        """Serve the methods and say so."""
        server.extensions = {**server.extensions, EXTENSION: {}}
        server.add_request_handler("tasks/get", TaskParams, self.get)
        server.add_request_handler("tasks/update", UpdateTaskParams, self.update)
        server.add_request_handler("tasks/cancel", TaskParams, self.cancel)

    async def get(self, context: Context, params: TaskParams) -> GetTaskResult:
        """Say how far a task is, with its result when there is one."""
        box, caller, task = await self._find(context, params)
        answer = GetTaskResult(**created(task).model_dump(exclude={"result_type"}))
        if task.status == "failed":
            error = {"code": INTERNAL_ERROR, "message": FAILED}
            return answer.model_copy(update={"status_message": FAILED, "error": error})
        if task.status != "completed":
            return answer
        result = self._show(await told(read_reply(box, caller, task)))
        return answer.model_copy(update={"result": result.model_dump(by_alias=True, mode="json", exclude_none=True)})

    async def update(self, context: Context, params: UpdateTaskParams) -> EmptyResult:
        """Acknowledge: no task of ours waits for input."""
        await self._find(context, params)
        return EmptyResult()

    async def cancel(self, context: Context, params: TaskParams) -> EmptyResult:
        """Stop waiting for a fold, and acknowledge, also where it is too late."""
        box, caller, task = await self._find(context, params)
        await told(cancel_task(box, caller, task.task_id))
        return EmptyResult()

    async def _find(self, context: Context, params: TaskParams) -> tuple[Toolbox, Caller, Task]:
        refuse_old_era(context)
        refuse_undeclared(context)
        refuse_other_name(context, params.task_id)
        opened, caller = await self._enter(context)
        task = await told(read_task(opened.box, caller, params.task_id))
        if task is None:
            raise MCPError(INVALID_PARAMS, UNKNOWN)
        return opened.box, caller, task


def refuse_old_era(context: Context) -> None:
    """Know none of these methods where the extension does not exist."""
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        raise MCPError(METHOD_NOT_FOUND, "Method not found", context.method)


def refuse_other_name(context: Context, task_id: str) -> None:
    """Refuse an HTTP request whose routing header names another task than its body."""
    headers: Mapping[str, str] = getattr(context.request, "headers", None) or {}
    named = headers.get(MCP_NAME_HEADER)
    if named is not None and decode_header_value(named) != task_id:
        raise MCPError(HEADER_MISMATCH, f"{MCP_NAME_HEADER} header and the body's taskId name different tasks")


async def told(work: Awaitable[Told]) -> Told:
    """Tell the client what goes wrong by design, in our words."""
    try:
        return await work
    except ChatMemoryError as error:
        raise MCPError(INTERNAL_ERROR, str(error)) from error
