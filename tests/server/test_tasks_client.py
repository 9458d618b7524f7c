"""Tasks as the official client meets them: an extension of its own polls, and its caller sees the result only."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Literal

import anyio
import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Request, RequestParams, Result

from chat_memory.tools.fold import fold
from chat_memory.tools.toolbox import Toolbox
from tests.chats import claim_one
from tests.sessions import MODERN, SERVER, ask, never_folding, serving_http

Json = dict[str, Any]
SAID = [{"role": "user", "content": "My name is Ada."}]


class Wanted(RequestParams):
    task_id: str


class GetTask(Request[Wanted, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    name_param: ClassVar[str | None] = "taskId"


class Seen(Result):
    status: str
    result: CallToolResult | None = None


class Created(Result):
    result_type: Literal["task"] = "task"
    task_id: str


class Polling(ClientExtension):
    """Finishes a task by asking for it, as any client of the extension does."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self, before_polling: Callable[[], Awaitable[None]]) -> None:
        self.before_polling = before_polling
        self.created: list[str] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self.finish)]

    async def finish(self, created: Created, context: ClaimContext) -> CallToolResult:
        self.created.append(created.task_id)
        await self.before_polling()
        with anyio.fail_after(60):
            while True:
                request = GetTask(params=Wanted(task_id=created.task_id))
                seen = await context.session.send_request(request, Seen)
                if seen.status != "working":
                    assert seen.result is not None
                    return seen.result


async def wait_as_a_client(client: Client, polling: Polling) -> None:
    """Wait for a fold, and get the tool's result although a task came first."""
    receipt = await ask(client, "update_memory", chat_id="a", messages=SAID, wait_seconds=60)
    assert (receipt["status"], receipt["seq"]) == ("complete", 1)
    assert len(polling.created) == 1


async def test_a_caller_sees_the_result_and_no_task(environment: dict[str, str], box: Toolbox) -> None:
    """What read_reply makes must pass the output schema of the tool: the client checks it."""
    polling = Polling(lambda: fold_all(box))
    parameters = StdioServerParameters(
        command=SERVER[0], args=SERVER[1:], env=environment | {"CHAT_MEMORY_WORKER": "false"}
    )
    async with Client(stdio_client(parameters), extensions=[polling]) as client:
        await wait_as_a_client(client, polling)


async def test_a_caller_over_http_sees_no_task_either(database_url: str, box: Toolbox) -> None:
    """The handlers know no transport; the client names the task in a routing header."""
    polling = Polling(lambda: fold_all(box))
    async with (
        serving_http(never_folding(database_url)) as url,
        Client(streamable_http_client(url), extensions=[polling]) as client,
    ):
        await wait_as_a_client(client, polling)


async def test_a_header_that_names_another_task_is_refused(database_url: str) -> None:
    """Without refuse_other_name a balancer could route by one task and the server answer for another."""
    extensions: Json = {Polling.identifier: {}}
    meta: Json = {**MODERN, "io.modelcontextprotocol/clientCapabilities": {"extensions": extensions}}
    body: Json = {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"taskId": "one", "_meta": meta}}
    headers = {
        "Accept": "application/json, text/event-stream",
        "Mcp-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tasks/get",
    }
    codes: list[int] = []
    async with serving_http(never_folding(database_url)) as url, httpx2.AsyncClient() as http:
        for name in ("two", "one"):
            answer = await http.post(url, json=body, headers=headers | {"Mcp-Name": name})
            codes.append(answer.json()["error"]["code"])
    assert codes == [-32020, -32602]


async def fold_all(box: Toolbox) -> None:
    await fold(box, await claim_one(box.db, "a"))
