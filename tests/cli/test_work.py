"""chat-memory work: a worker beside a server that does not fold."""

import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from chat_memory.storage.database import Database
from tests.cli.conftest import Program, finish

STARTED = "worker_started"


@asynccontextmanager
async def idle_server(program: Program) -> AsyncGenerator[Client]:
    """A server that leaves folding to others."""
    environment = program.environment | {"CHAT_MEMORY_WORKER": "false"}
    parameters = StdioServerParameters(command=sys.executable, args=["-m", "chat_memory"], env=environment)
    async with Client(stdio_client(parameters)) as client:
        yield client


async def ask(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    """Call a tool and return its reply."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return dict(result.structured_content or {})


async def test_a_worker_folds_what_a_server_without_one_wrote(on_database: Program) -> None:
    """Fails without background() in cli/work.py; the setting that stops servers folding does not stop `work`."""
    async with idle_server(on_database) as client:
        message = {"role": "user", "content": "My budget is £2,400."}
        await ask(client, "update_memory", chat_id="trip", messages=[message], wait_seconds=0.2)
        assert (await ask(client, "get_memory", chat_id="trip"))["pending"] == 1
        worker = on_database.start("work", CHAT_MEMORY_WORKER="false")
        more = {"role": "assistant", "content": "Noted."}
        receipt = await ask(client, "update_memory", chat_id="trip", messages=[more], wait_seconds=30)
        reply = await ask(client, "get_memory", chat_id="trip")
        done = finish(worker, signal.SIGTERM)
    assert receipt["status"] == "complete"
    assert reply["pending"] == 0
    assert reply["user_confirmed"] == {"budget": "£2,400"}
    assert done.returncode == 0
    assert done.stdout == ""


async def test_a_worker_that_is_told_to_stop_ends_well_and_holds_nothing(on_database: Program, db: Database) -> None:
    """Fails without answer_signals in cli/work.py: the process would die of the signal."""
    for number in (signal.SIGTERM, signal.SIGINT):
        worker = on_database.start("work", CHAT_MEMORY_LOG_LEVEL="info")
        assert worker.stderr is not None
        for line in worker.stderr:
            if STARTED in line:
                break
        done = finish(worker, number)
        assert done.returncode == 0, done.stderr
        assert "worker_stopped" in done.stderr
    async with db.session() as session:
        leased = "select count(*) from chat_memory.chat_work where lease_token is not null"
        assert await session.connection.fetchval(leased) == 0


def test_a_worker_without_a_database_ends_with_the_remedy(alone: Program) -> None:
    """A supervisor starts it again: fails when cli/work.py lets a task group wrap the error."""
    done = alone.run("work", CHAT_MEMORY_DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("chat-memory: No PostgreSQL answers at 127.0.0.1:1/none")
    assert "Traceback" not in done.stderr
