"""Raw HTTP, as a client that is not the official one sends it."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2

from tests.sessions import MODERN

ACCEPT = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
HANDSHAKE = {**ACCEPT, "MCP-Protocol-Version": "2025-11-25"}


async def post(
    http: httpx2.AsyncClient, url: str, headers: Mapping[str, str], method: str, parameters: Mapping[str, object]
) -> httpx2.Response:
    """Send one request."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    return await http.post(url, headers=headers, json=message)


async def open_session(http: httpx2.AsyncClient, url: str, **more: str) -> dict[str, str]:
    """Shake hands in the 2025 era and return the headers of the session, if there is one."""
    client = {"name": "raw", "version": "0"}
    parameters: dict[str, object] = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    answer = await post(http, url, {**ACCEPT, **more}, "initialize", parameters)
    assert result_of(answer)["protocolVersion"] == "2025-11-25"
    named = {"Mcp-Session-Id": answer.headers["mcp-session-id"]} if "mcp-session-id" in answer.headers else {}
    return {**HANDSHAKE, **more, **named}


async def post_modern(
    http: httpx2.AsyncClient, url: str, method: str, parameters: Mapping[str, object]
) -> httpx2.Response:
    """Send one request of the 2026 era."""
    headers = {**ACCEPT, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    if "name" in parameters:
        headers["Mcp-Name"] = str(parameters["name"])
    return await post(http, url, headers, method, {**parameters, "_meta": MODERN})


def result_of(answer: httpx2.Response) -> dict[str, Any]:
    """Read the result out of an answer, or out of an event stream of one answer."""
    if answer.headers["content-type"] == "application/json":
        return dict(answer.json()["result"])
    return dict(_only_event(answer)["result"])


def error_of(answer: httpx2.Response) -> str:
    """Read what an error answer says."""
    body = answer.json() if answer.headers["content-type"] == "application/json" else _only_event(answer)
    return str(body["error"]["message"])


def _only_event(answer: httpx2.Response) -> dict[str, Any]:
    (data,) = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return dict(json.loads(data))
