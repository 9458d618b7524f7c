"""MCP at one path: sessions for what needs one, and every call answered without, by whichever process it reaches.

A handshake-era client (2025-11-25) that initializes gets a session, because subscriptions reach it only through its
stream. Its calls do not need the session: after a restart, at another replica or when it expired they are answered on
their own. Requests of 2026-07-28 never have one.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, cast

from mcp.server.lowlevel import Server
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER, StreamableHTTPServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from chat_memory.errors import NoSessionError
from chat_memory.server.doors import BODY_BYTES, answer
from chat_memory.server.mcp import MemoryServer

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
            await self._sessions.handle_request(scope, receive, self._watch_session(session, scope, send))

    async def _answer_post(self, session: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        method = method_of(scope)
        if session is None and method in TIED:
            raise NoSessionError(what=method)
        opens = method == "initialize" and self._sessions.has_room()
        in_session = opens if session is None else method in TIED or self._sessions.knows(session)
        serve = self._sessions if in_session else self._stateless
        await serve.handle_request(scope, receive, send)

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


def method_of(scope: Scope) -> str:
    """Name the method a request's message asks for; empty where there is none."""
    document = scope.get("state", {}).get("document")
    method = cast("dict[str, object]", document).get("method") if isinstance(document, dict) else None
    return method if isinstance(method, str) else ""
