"""stdio: the server as a child process. Descriptors are waited for, never blocked on, so a signal ends it at once."""

import json
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import anyio.lowlevel
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCResponse,
    RequestId,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from chat_memory.prompts.choice import describe_choice
from chat_memory.server.access import identify_process
from chat_memory.server.app import App
from chat_memory.server.mcp import MemoryServer
from chat_memory.server.signals import answer_signals
from chat_memory.settings import Settings
from chat_memory.storage.embedded import EmbeddedServer
from chat_memory.telemetry import Event, log

READ_BYTES = 256 * 1024
LINE_BYTES = 16 * 1024 * 1024
"""Longest line read: the largest call, every character of it escaped, and room to spare."""
WRITE_BYTES = 4096
"""A descriptor reported writable takes this much without blocking (PIPE_BUF)."""


async def serve_stdio(settings: Settings, early: "Future[EmbeddedServer] | None" = None) -> None:
    """Serve one client over stdin and stdout until it leaves or a signal arrives."""
    app = App(settings, early)
    memory = MemoryServer(app, identify_process)
    server = memory.build()
    async with anyio.create_task_group() as group, stdio_streams() as (read, write):
        await group.start(answer_signals, group.cancel_scope.cancel)
        group.start_soon(app.run)
        group.start_soon(memory.watchers.run)
        log(Event.SERVER_STARTED, transport="stdio", summarizer=describe_choice(settings))
        await server.run(read, write, server.create_initialization_options())
        group.cancel_scope.cancel()
    log(Event.SERVER_STOPPED)


@asynccontextmanager
async def stdio_streams() -> AsyncGenerator[tuple[Any, Any]]:
    """Open the message streams of stdin and stdout; while open, stray prints of this process go to stderr."""
    if sys.platform == "win32":  # descriptors cannot be waited for there: the SDK's transport with its threads
        async with stdio_server() as streams:
            yield streams
        return
    stdin, stdout = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    received, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, to_send = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(read_messages, stdin, received, write.clone())
            group.start_soon(write_messages, stdout, to_send)
            yield read, write
            group.cancel_scope.cancel()
    finally:
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        os.close(stdin)
        os.close(stdout)


async def read_messages(
    descriptor: int,
    received: MemoryObjectSendStream[SessionMessage | Exception],
    replies: MemoryObjectSendStream[SessionMessage],
) -> None:
    """Read one JSON-RPC message a line; a line that is none is answered, and the session goes on."""
    async with received, replies:
        async for line in read_lines(descriptor):
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValidationError:
                refusal = refuse_line(line)
                log(Event.LINE_REFUSED, code=refusal.error.code, bytes=len(line))
                await replies.send(SessionMessage(refusal))
            else:
                await received.send(SessionMessage(message))


async def read_lines(descriptor: int) -> AsyncIterator[bytes]:
    """Read non-empty lines until the end of the file; one over the limit is cut, so it fails to parse."""
    buffer = bytearray()
    while chunk := await read_chunk(descriptor):
        buffer += chunk
        *lines, rest = buffer.split(b"\n")
        buffer = rest if len(rest) <= LINE_BYTES else rest[:1] + b"\0"
        for line in lines:
            if line.strip():
                yield bytes(line)
    if buffer.strip():
        yield bytes(buffer)


async def read_chunk(descriptor: int) -> bytes:
    """Read what there is, waiting for the first byte; empty at the end."""
    try:
        await anyio.wait_readable(descriptor)
    except PermissionError:  # a regular file or /dev/null cannot be waited for: it is always readable
        await anyio.lowlevel.checkpoint()
    return os.read(descriptor, READ_BYTES)


async def write_messages(descriptor: int, to_send: MemoryObjectReceiveStream[SessionMessage]) -> None:
    """Write one message a line; when nobody reads any more, stop."""
    async with to_send:
        async for item in to_send:
            line = encode(item.message)
            try:
                await write_all(descriptor, memoryview(line))
            except BrokenPipeError:
                return


def encode(message: JSONRPCMessage) -> bytes:
    """Write a message as one line; one that cannot be written becomes an error answer, never the end of the session."""
    try:
        text = message.model_dump_json(by_alias=True, exclude_unset=True)
    except ValueError as error:
        log(Event.ANSWER_LOST, level=logging.ERROR, error=error)
        known = message.id if isinstance(message, JSONRPCResponse) else None
        text = refusal(known, INTERNAL_ERROR, "The answer could not be written as JSON").model_dump_json()
    return text.encode() + b"\n"


async def write_all(descriptor: int, data: memoryview) -> None:
    """Write everything, a piece whenever the reader has room."""
    while data:
        try:
            await anyio.wait_writable(descriptor)
        except PermissionError:  # a regular file: always writable
            await anyio.lowlevel.checkpoint()
        data = data[os.write(descriptor, data[:WRITE_BYTES]) :]


def refuse_line(line: bytes) -> JSONRPCError:
    """Say what is wrong with a line, under its own id where it has one: its sender waits for exactly that answer."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return refusal(None, PARSE_ERROR, f"Parse error: this line of {len(line)} bytes is not JSON in UTF-8")
    request_id = cast("dict[str, object]", value).get("id") if isinstance(value, dict) else None
    known = request_id if isinstance(request_id, int | str) and not isinstance(request_id, bool) else None
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        known = None if isinstance(known, str) and not known.isascii() else known  # it may be what cannot be written
        text = "Half of a surrogate pair (\\ud800 to \\udfff alone) cannot be stored: remove it and send the call again"
        return refusal(known, INVALID_PARAMS, text)
    return refusal(known, INVALID_REQUEST, "Invalid request: this line is JSON, but no JSON-RPC 2.0 message")


def refusal(request_id: RequestId | None, code: int, message: str) -> JSONRPCError:
    """Build an error answer."""
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=message))
