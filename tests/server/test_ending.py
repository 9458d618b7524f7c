"""The end of a server that is reached by URL: whoever is cut off leaves nothing behind."""

import signal
from contextlib import suppress

import anyio
import asyncpg
import pytest
from mcp.shared.exceptions import MCPError

from tests.messages_server import messages_server, silent
from tests.server.test_http import until_nobody_answers
from tests.sessions import ERAS, ask, connect_http, start_http

KEY = "test-key"
LEASED = "select count(*) from chat_memory.chat_work where lease_token is not null"


@pytest.mark.parametrize("era", list(ERAS))
@pytest.mark.parametrize("signals", [1, 2])
async def test_a_call_that_is_cut_off_hands_its_lease_back(environment: dict[str, str], era: str, signals: int) -> None:
    """With app.run cancelled before exchange.run has ended the pool would be gone, and the chat held for its lease."""
    with messages_server(KEY) as provider:
        provider.always = silent
        told = environment | {
            "CHAT_MEMORY_WORKER": "false",
            "CHAT_MEMORY_SHUTDOWN_SECONDS": "0" if signals == 1 else "3600",
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": provider.url,
        }
        database = await asyncpg.connect(environment["CHAT_MEMORY_DATABASE_URL"])
        async with start_http(told) as served, anyio.create_task_group() as group:

            async def fold() -> None:
                with suppress(MCPError, ExceptionGroup):
                    async with connect_http(era, served.url) as client:
                        await ask(client, "update_memory", chat_id="a", snippet="My name is Ada.")
                        await ask(client, "summarize", chat_id="a", wait_seconds=60)

            group.start_soon(fold)
            with anyio.fail_after(60):
                while not (provider.asked and await database.fetchval(LEASED)):  # noqa: ASYNC110 - another process's row
                    await anyio.sleep(0.05)
                served.process.send_signal(signal.SIGINT)
                if signals > 1:
                    await until_nobody_answers(served.url)
                    served.process.send_signal(signal.SIGINT)
                assert await served.process.wait() == 0
        assert await database.fetchval(LEASED) == 0
        await database.close()
