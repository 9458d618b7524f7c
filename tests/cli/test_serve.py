"""chat-memory serve: where it listens, and where it refuses to."""

import socket

import anyio
import pytest

from tests.cli.conftest import Program
from tests.sessions import ask, connect_http, start_http

SAID = [{"role": "user", "content": "My name is Ada."}]


def test_a_host_others_can_reach_is_refused(alone: Program) -> None:
    """Without refuse_open_door anybody on the network would read and write every chat."""
    for host in ("0.0.0.0", "::", "192.0.2.1", "memory.example"):  # noqa: S104 - what must not work
        done = alone.run("serve", "--host", host)
        assert done.returncode == 1
        assert done.stderr.startswith(f"chat-memory: {host} can be reached from other machines")
        assert "reverse proxy" in done.stderr
    assert "cannot be 'x'" in alone.run("serve", CHAT_MEMORY_PORT="x").stderr


def test_a_port_that_is_taken_is_told_with_a_remedy(alone: Program) -> None:
    """Without the except in listen() uvicorn would end the process with a log line of its own."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = alone.run("serve", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"chat-memory: Cannot listen on 127.0.0.1:{port}: Address already in use")
    assert len(done.stderr.splitlines()) == 1


async def test_serve_starts_by_itself(alone: Program) -> None:
    """No database, no settings: the embedded PostgreSQL comes along, and is left in order."""
    async with start_http(alone.environment) as served, connect_http("2026-07-28", served.url) as client:
        assert (await ask(client, "update_memory", chat_id="a", messages=SAID, wait_seconds=60))["seq"] == 1
    data_dir = alone.environment["CHAT_MEMORY_DATA_DIR"]
    assert not await anyio.Path(data_dir, "18", "cluster", "postmaster.pid").exists()


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.2, 0.3])
async def test_a_signal_during_the_start_leaves_nothing_running(alone: Program, delay: float) -> None:
    """Without early_start in serve_http PostgreSQL would go on, with nobody to stop it, in most of these.

    Without the wait in EmbeddedServer.close in some: the thread that closes it would die with the process.
    """
    async with start_http(alone.environment):
        await anyio.sleep(delay)
    data_dir = alone.environment["CHAT_MEMORY_DATA_DIR"]
    assert [path async for path in anyio.Path(data_dir).glob("*/cluster/postmaster.pid")] == []
