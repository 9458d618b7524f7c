"""MCP at one path: sessions for what needs one, and every call answered without, by whichever process it reaches.

A handshake-era client (2025-11-25) that initializes gets a session, because subscriptions reach it only through its
stream. Its calls do not need the session: after a restart, at another replica or when it expired they are answered on
their own. Requests of 2026-07-28 never have one.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any, cast

import anyio
from mcp.server.lowlevel import Server
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER, StreamableHTTPServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from chat_memory.errors import IdInUseError, NoRoomError, NoSessionError, WrongIdError
from chat_memory.server.doors import BODY_BYTES, SEEN_CHARACTERS, answer, replace_header
from chat_memory.server.mcp import MemoryServer
from chat_memory.telemetry import Event, log

SESSIONS = 1_000
"""Most sessions of one process; whoever comes after is served without one."""
TIED = ("resources/subscribe", "resources/unsubscribe")
"""What means nothing outside a session."""


class Sessions(StreamableHTTPSessionManager):
    """The SDK's sessions, which also say whom they know, and when one ends."""

    def __init__(self, server: Server[Any], ended: Callable[[str], None], limit: int) -> None:
        """Keep at most `limit`; call `ended` with the name of every session that ends, however it does."""
        super().__init__(server, max_request_body_size=BODY_BYTES, max_sessions=limit)
        self._ended = ended
        self._limit = limit
        self._deleted: dict[str, None] = {}

    def knows(self, session_id: str) -> bool:
        """Tell whether a session is open in this process, or was until its client deleted it: that one gets its 404."""
        return session_id in self._server_instances or session_id in self._deleted

    def note_deleted(self, session_id: str) -> None:
        """Remember that a client deleted its session; the oldest such are no longer known."""
        self._deleted[session_id] = None
        if len(self._deleted) > self._limit:
            del self._deleted[next(iter(self._deleted))]

    def has_room(self) -> bool:
        """Tell whether one more may be opened."""
        return len(self._server_instances) < self._limit

    def end_streams(self) -> None:
        """Close every stream that waits for news, so that none of them holds up the end."""
        for transport in list(self._server_instances.values()):
            transport.close_standalone_sse_stream()

    def close_stream(self, session_id: str) -> None:
        """Close one session's stream, which nobody reads: its client opens it again, and is reminded."""
        if session_id in self._server_instances:
            log(Event.SUBSCRIBER_LOST, level=logging.WARNING, reason="unread")
            self._server_instances[session_id].close_standalone_sse_stream()

    async def _discard_session(self, session_id: str, transport: StreamableHTTPServerTransport) -> None:
        await super()._discard_session(session_id, transport)
        self._ended(session_id)


class Exchange:
    """Answers MCP requests, each where it belongs."""

    def __init__(self, memory: MemoryServer, session_limit: int = SESSIONS) -> None:
        """Serve `memory`."""
        server = memory.build()
        self._memory = memory
        self._sessions = Sessions(server, memory.watchers.drop, session_limit)
        self._stateless = StreamableHTTPSessionManager(server, stateless=True, max_request_body_size=BODY_BYTES)
        self._in_flight: dict[tuple[str, str], Held] = {}
        self._deliveries: dict[anyio.Event, str] = {}
        memory.close_stream = self._sessions.close_stream

    @asynccontextmanager
    async def run(self) -> AsyncGenerator[None]:
        """Serve for as long as the block runs."""
        async with self._sessions.run(), self._stateless.run():
            yield

    def end_streams(self) -> None:
        """End what would never end by itself: the streams that wait for news, in both eras."""
        self._memory.end_streams()
        self._sessions.end_streams()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(scope=scope)
        session = headers.get(MCP_SESSION_ID_HEADER)
        if headers.get(MCP_PROTOCOL_VERSION_HEADER, HANDSHAKE_PROTOCOL_VERSIONS[0]) not in HANDSHAKE_PROTOCOL_VERSIONS:
            await self._stateless.handle_request(scope, receive, send)
        elif scope["method"] == "POST":
            await self._answer_post(session, scope, receive, send)
        elif session is None:
            refused = answer("Without a session only POST is answered here.", HTTPStatus.METHOD_NOT_ALLOWED)
            refused.headers["Allow"] = "POST"
            await refused(scope, receive, send)
        else:
            if scope["method"] == "DELETE":
                await self._deliver_all(session)
            # The SDK keeps no events to replay, and leaves a client that asks for some without an answer.
            scope = replace_header(scope, b"last-event-id")
            await self._sessions.handle_request(scope, receive, self._watch_session(session, scope, send))

    async def _answer_post(self, session: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        method = method_of(scope)
        request_id = id_of(scope)
        if session is None and method in TIED:
            raise NoSessionError(what=method) if self._sessions.has_room() else NoRoomError(what=method)
        opens = method == "initialize" and self._sessions.has_room()
        in_session = opens if session is None else method in TIED or self._sessions.knows(session)
        if not in_session:
            await self._stateless.handle_request(scope, receive, send)
        elif session is None:
            await self._sessions.handle_request(scope, receive, send)
        elif request_id is None:
            with self._delivering(session):
                await self._sessions.handle_request(scope, receive, send)
        else:
            async with self._holding(session, request_id) as held:
                await self._sessions.handle_request(scope, receive, held.watch(send))

    @contextmanager
    def _delivering(self, session: str) -> Generator[None]:
        """Note that a session takes a notification: the SDK says yes to it first, and then hands it over."""
        delivered = anyio.Event()
        self._deliveries[delivered] = session
        try:
            yield
        finally:
            del self._deliveries[delivered]
            delivered.set()

    async def _deliver_all(self, session: str) -> None:
        """Let a session take what its client was told it took: ended meanwhile, the SDK would answer a second time."""
        for delivered in [delivered for delivered, taker in self._deliveries.items() if taker == session]:
            await delivered.wait()

    @asynccontextmanager
    async def _holding(self, session: str, request_id: int | str) -> AsyncGenerator["Held"]:
        """Keep an id to one request at a time: the SDK would hand one's answer to another, and leave the other waiting.

        Raises:
            IdInUseError: it belongs to another that is not answered yet; 1 and "1" are one id.
        """
        name = (session, str(request_id))
        while (other := self._in_flight.get(name)) is not None:
            if not other.answered:
                raise IdInUseError(request_id=str(request_id)[:SEEN_CHARACTERS])
            await other.ended.wait()  # its client has the answer already; the SDK is still tidying up
        held = self._in_flight[name] = Held()
        try:
            yield held
        finally:
            del self._in_flight[name]
            held.ended.set()

    def _watch_session(self, session: str, scope: Scope, send: Send) -> Send:
        """When a session's stream opens, tell it of all it watches: what changed before went unheard. Note its end."""

        async def watch(message: Message) -> None:
            done = message["type"] == "http.response.start" and message["status"] == HTTPStatus.OK
            if done and scope["method"] == "DELETE":
                self._sessions.note_deleted(session)
            await send(message)
            if done and scope["method"] == "GET":
                self._memory.watchers.remind(session)

        return watch


class Held:
    """An id of a session while a request has it: from its arrival until nothing of it is left."""

    def __init__(self) -> None:
        """Begin unanswered."""
        self.answered = False
        self.ended = anyio.Event()

    def watch(self, send: Send) -> Send:
        """Note when the last of the answer goes out."""

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self.answered = True
            await send(message)

        return watched


def method_of(scope: Scope) -> str:
    """Name the method a request's message asks for; empty where there is none."""
    method = document_of(scope).get("method")
    return method if isinstance(method, str) else ""


def id_of(scope: Scope) -> int | str | None:
    """Read the id of a request; None where its message has no method, or no id.

    Raises:
        WrongIdError: it has one that JSON-RPC does not allow: the SDK would take the request for a notification.
    """
    document = document_of(scope)
    if "method" not in document or "id" not in document:
        return None
    request_id = document["id"]
    if isinstance(request_id, bool) or not isinstance(request_id, int | str):
        raise WrongIdError(what=method_of(scope)[:SEEN_CHARACTERS] or "it")
    return request_id


def document_of(scope: Scope) -> dict[str, object]:
    """Return the message a request brought; empty where it is no JSON object."""
    document = scope.get("state", {}).get("document")
    return cast("dict[str, object]", document) if isinstance(document, dict) else {}
