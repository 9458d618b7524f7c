"""Streamable HTTP: `chat-memory serve`, for clients that connect by URL."""

import contextlib
import gc
import socket
from collections.abc import Callable, Generator, Mapping
from importlib.util import find_spec
from ipaddress import ip_address

import anyio
import uvicorn
from anyio.abc import TaskStatus
from mcp.server.auth.provider import TokenVerifier
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from chat_memory.errors import AddressError, OpenDoorError, UnknownPathError
from chat_memory.prompts.choice import describe_choice
from chat_memory.server.access import guard, identify_bearer, identify_process
from chat_memory.server.app import App
from chat_memory.server.catalogue import CATALOGUE, Entry
from chat_memory.server.doors import SEEN_CHARACTERS, Doors
from chat_memory.server.mcp import MemoryServer
from chat_memory.server.sessions import Exchange
from chat_memory.server.signals import answer_signals
from chat_memory.settings import Settings
from chat_memory.storage.embedded import early_start
from chat_memory.telemetry import Event, log

PATH = "/mcp"
BACKLOG = 2048
"""Connections that wait to be accepted."""
KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays: longer than clients keep theirs, so that none is closed as it is used again."""
CANCEL_SECONDS = 5.0
"""How long calls that were cancelled at the end may take to leave: an append that was begun is finished."""


class Listener(uvicorn.Server):
    """uvicorn without its own ideas about signals."""

    def __init__(self, app: ASGIApp, url: str, settings: Settings, end_streams: Callable[[], None]) -> None:
        """Serve `app`; `end_streams` is called at the end, before running calls are waited for."""
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            workers=1,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        )
        super().__init__(config)
        self.url = url
        self._end_streams = end_streams
        self._patience = anyio.CancelScope()

    def stop(self) -> None:
        """Stop accepting; `serve` returns when running calls are done, or their time is over."""
        self.should_exit = True

    def hurry(self) -> None:
        """Stop, and wait for no call: they are cancelled."""
        self.should_exit = True
        self._patience.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone: they are answered by the process."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, end the streams, give running calls their time, then cancel them."""
        self._end_streams()
        with self._patience:
            await super().shutdown(sockets)
        if self._patience.cancelled_caught:
            for task in self.server_state.tasks:
                task.cancel()
        with anyio.move_on_after(CANCEL_SECONDS):
            while self.server_state.tasks:  # noqa: ASYNC110 - uvicorn has no event to wait for
                await anyio.sleep(0.01)


async def serve_http(
    settings: Settings,
    verifier: TokenVerifier | None = None,
    *,
    catalogue: Mapping[str, Entry] = CATALOGUE,
    task_status: TaskStatus[Listener] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve MCP over HTTP until a signal; a second one cancels the calls that run, a third ends at once.

    With a `verifier` callers are who their token is.

    Raises:
        OpenDoorError: the address can be reached from elsewhere and nothing says who calls.
        AddressError: the address cannot be listened on.
    """
    if verifier is None:
        refuse_open_door(settings.host)
    with listen(settings.host, settings.port) as (listening, url), early_start(settings) as early:
        app = App(settings, early)
        memory = MemoryServer(app, identify_process if verifier is None else identify_bearer, catalogue)
        exchange = Exchange(memory)
        listener = Listener(build_site(exchange, settings, verifier), url, settings, exchange.end_streams)
        async with anyio.create_task_group() as group:
            await group.start(answer_signals, listener.stop, listener.hurry, group.cancel_scope.cancel)
            gc.collect()
            gc.freeze()  # what imports made is looked through no more: a fifth of the slowest calls
            log(Event.SERVER_STARTED, transport="http", summarizer=describe_choice(settings), url=url)
            group.start_soon(app.run)
            group.start_soon(memory.watchers.run)
            async with exchange.run():
                task_status.started(listener)
                await listener.serve([listening])
                group.cancel_scope.deadline = anyio.current_time() + CANCEL_SECONDS
            group.cancel_scope.cancel()  # only now: calls that were cancelled hand their leases back through the pool
    log(Event.SERVER_STOPPED)


def loop_options() -> dict[str, bool]:
    """Say what this server runs on: uvloop where the extra `fast` put it, a tenth to a third less work."""
    return {"use_uvloop": find_spec("uvloop") is not None}


def refuse_open_door(host: str) -> None:
    """Refuse to listen where other machines could knock: nobody would ask them who they are."""
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise OpenDoorError(host=host)


@contextlib.contextmanager
def listen(host: str, port: int) -> Generator[tuple[socket.socket, str]]:
    """Open a listening socket, and name the URL it is reached by; from here on clients may knock."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        opened = socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise AddressError(host=host, port=port, reason=error.strerror or type(error).__name__) from None
    # Named TCP: asyncio turns Nagle's delay off for such sockets only, and with it an answer takes 40 ms longer.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=opened.detach()) as listening:
        listening.setblocking(False)  # noqa: FBT003 - how sockets spell it
        shown = f"[{host}]" if ":" in host else host
        yield listening, f"http://{shown}:{listening.getsockname()[1]}{PATH}"


def build_site(exchange: Exchange, settings: Settings, verifier: TokenVerifier | None) -> ASGIApp:
    """Put together what is served: the doors, before them nothing, behind them the routes."""
    mcp: ASGIApp = exchange if verifier is None else guard(exchange, verifier)
    return Doors(Router([Route(PATH, endpoint=mcp)], redirect_slashes=False, default=refuse_path), settings)


async def refuse_path(scope: Scope, _: Receive, __: Send) -> None:
    """Say what is served where."""
    raise UnknownPathError(path=scope["path"][:SEEN_CHARACTERS])
