"""Calls through the official client to real server processes: a tool that does nothing beside ours, turn by turn."""

import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from subprocess import PIPE
from time import perf_counter
from typing import TypeAlias

import anyio
from anyio.abc import ByteReceiveStream
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from chat_memory.lab.bench.ground import KIND, Ground
from chat_memory.lab.bench.rows import check_written
from chat_memory.lab.bench.writing import SAID
from chat_memory.lab.databases import own_database
from chat_memory.lab.errors import DisprovedError
from chat_memory.lab.latencies import MEDIAN, Latencies
from chat_memory.lab.results import Numbers
from chat_memory.replies import MemoryReply
from chat_memory.settings import PREFIX, SECRETS, inherited_environment, variable_of

SERVERS = {
    "stdio": (("chat_memory.lab.bench.noop",), ("chat_memory",)),
    "http": (("chat_memory.lab.bench.noop", "http"), ("chat_memory", "serve")),
}
"""The tool that does nothing, and ours, each a process of its own: python -m ..."""
READ_CHAT = "read"
WRITE_CHATS = 100
"""Writes go round as many chats, so that none of them grows into a long one."""
WARM_ROUNDS = 5
START_SECONDS = 60.0
MESSAGES = [{"role": "user", "content": SAID}]
Timed: TypeAlias = tuple[Client, str, Mapping[str, object]]
UPDATE, READ, NOOP = "update_memory", "get_memory", "noop"


async def measure(ground: Ground) -> Numbers:
    """Measure `transport.<name>.<tool>_{p50,p99}_ms`, and what ours add at p50: `<tool>_adds_p50_ms`."""
    numbers: Numbers = {}
    for transport in SERVERS:
        ground.report(transport)
        async with own_database(ground.server_url, KIND) as url:
            timed = await time_pair(transport, tell(ground, url), ground.sizes.rounds)
            writes = WARM_ROUNDS + ground.sizes.rounds
            await check_written(url, turns=writes + 1, chats=min(WRITE_CHATS, writes) + 1, folded=True)
        idle = timed[NOOP].percentile_ms(MEDIAN)
        for tool, latencies in timed.items():
            numbers |= latencies.tell(f"transport.{transport}.{tool}_")
        for tool in (READ, UPDATE):
            numbers[f"transport.{transport}.{tool}_adds_p50_ms"] = timed[tool].percentile_ms(MEDIAN) - idle
    return numbers


def tell(ground: Ground, url: str) -> dict[str, str]:
    """Make the environment of the servers: ours as it is, with the settings of this run in place of any others."""
    inherited = {name: value for name, value in inherited_environment().items() if not name.startswith(PREFIX)}
    settings = ground.settings_for(url, port=0, worker=True)
    told = settings.model_dump(mode="json", exclude_defaults=True, exclude={*SECRETS, "data_dir"})
    return inherited | {variable_of(name): str(value) for name, value in told.items()}


async def time_pair(transport: str, environment: Mapping[str, str], rounds: int) -> dict[str, Latencies]:
    """Call the three tools close together, so that what else the machine does hits all of them.

    Each round begins when the last one's write is folded, with both processes awake: waking one takes longer than a
    call. The write comes last, because it is followed by a fold; the other two take turns at being first.
    """
    nothing, ours = SERVERS[transport]
    timed = {tool: Latencies() for tool in (NOOP, READ, UPDATE)}
    async with (
        connected(transport, nothing, environment) as noop,
        connected(transport, ours, environment) as memory,
    ):
        await call(memory, UPDATE, {"chat_id": READ_CHAT, "messages": MESSAGES, "wait_seconds": START_SECONDS})
        reads: list[Timed] = [(noop, NOOP, {}), (memory, READ, {"chat_id": READ_CHAT})]
        for number in range(WARM_ROUNDS + rounds):
            written = f"write {number % WRITE_CHATS}"
            await call(noop, NOOP, {})
            for client, tool, arguments in (*reads, (memory, UPDATE, {"chat_id": written, "messages": MESSAGES})):
                seconds = await call(client, tool, arguments)
                if number >= WARM_ROUNDS:
                    timed[tool].add(seconds)
            reads.reverse()
            await settle(memory, written)
    return timed


async def settle(client: Client, chat_id: str) -> None:
    """Read a chat until nothing of it is pending.

    Raises:
        TimeoutError: it stays pending.
    """
    with anyio.fail_after(START_SECONDS):
        pending = 1
        while pending:
            result = await client.call_tool(READ, {"chat_id": chat_id})
            pending = MemoryReply.model_validate(result.structured_content).pending


async def call(client: Client, tool: str, arguments: Mapping[str, object]) -> float:
    """Call a tool; seconds until its answer.

    Raises:
        DisprovedError: the tool did not do what it was asked.
    """
    began = perf_counter()
    result = await client.call_tool(tool, dict(arguments))
    seconds = perf_counter() - began
    if result.is_error:
        raise DisprovedError(what=f"the answer of {tool}", found=str(result)[:200], expected="a success")
    return seconds


@asynccontextmanager
async def connected(transport: str, words: tuple[str, ...], environment: Mapping[str, str]) -> AsyncGenerator[Client]:
    """Start a server and connect the official client to it; at the end it is told to leave, and leaves."""
    if transport == "stdio":
        quiet = dict(environment) | {f"{PREFIX}LOG_LEVEL": "warning"}
        parameters = StdioServerParameters(command=sys.executable, args=["-m", *words], env=quiet)
        async with Client(stdio_client(parameters)) as client:
            yield client
        return
    command = [sys.executable, "-m", *words]
    talking = dict(environment) | {f"{PREFIX}LOG_LEVEL": "info"}  # its first line names the URL
    async with (
        await anyio.open_process(command, env=talking, stdout=None, stderr=PIPE) as process,
        anyio.create_task_group() as group,
    ):
        if process.stderr is None:
            raise AssertionError  # it is a pipe
        try:
            url = await group.start(follow_log, process.stderr)
            async with Client(streamable_http_client(url)) as client:
                yield client
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            with anyio.CancelScope(shield=True):
                await process.wait()
            group.cancel_scope.cancel()


async def follow_log(log: ByteReceiveStream, *, task_status: anyio.abc.TaskStatus[str]) -> None:
    """Read a server's log to its end, so that it never waits for a reader; started when it named its URL."""
    seen, found = b"", False
    with anyio.move_on_after(None) as patience, suppress(anyio.EndOfStream):
        patience.deadline = anyio.current_time() + START_SECONDS
        while True:
            chunk = await log.receive()
            if found:
                continue
            seen += chunk
            line, newline, _ = seen.partition(b"\n")
            if newline:
                found = True
                patience.deadline = float("inf")
                task_status.started(line.decode().rpartition("url=")[2])
    if not found:
        raise DisprovedError(what="the start of a server", found=seen.decode(errors="replace")[-200:], expected="a URL")
