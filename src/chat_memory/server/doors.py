"""The door before every HTTP route: who may knock, what may be carried in. What is refused is told what to do."""

import json
import logging
import re
from email.message import Message as MediaType
from http import HTTPStatus

from mcp_types import INTERNAL_ERROR, INVALID_REQUEST, PARSE_ERROR
from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat_memory.errors import (
    BodyTooLargeError,
    ForeignHostError,
    ForeignOriginError,
    IdInUseError,
    MediaTypeError,
    NoRoomError,
    NoSessionError,
    NotJsonError,
    RequestError,
    UnauthenticatedError,
    UnknownPathError,
    WrongIdError,
)
from chat_memory.settings import Settings
from chat_memory.telemetry import Event, log

BODY_BYTES = 8 * 1024 * 1024
"""Largest body: the largest call, 1 MiB, with every character escaped twice (7 bytes for one), and room to spare."""
LENGTH_DIGITS = 20
"""Longest Content-Length read as a number; no machine has as much."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s\[\]:/@]+)(?::\d{1,5})?")
CARRIERS = ("POST", "PUT", "PATCH")
SEEN_CHARACTERS = 80
"""How much of a wrong header an answer repeats."""
STATUS: dict[type[RequestError], HTTPStatus] = {
    ForeignHostError: HTTPStatus.MISDIRECTED_REQUEST,
    ForeignOriginError: HTTPStatus.FORBIDDEN,
    MediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    BodyTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NotJsonError: HTTPStatus.BAD_REQUEST,
    NoSessionError: HTTPStatus.BAD_REQUEST,
    NoRoomError: HTTPStatus.SERVICE_UNAVAILABLE,
    WrongIdError: HTTPStatus.BAD_REQUEST,
    IdInUseError: HTTPStatus.BAD_REQUEST,
    UnknownPathError: HTTPStatus.NOT_FOUND,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
}


class Doors:
    """Stands before `app` and all its routes, those it has not got included."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Let in what `settings` allow."""
        self._inside: ASGIApp = Threshold(app)
        self._hosts = {*LOOPBACK, settings.host.lower(), *split_names(settings.allowed_hosts)}
        self._origins = set(split_names(settings.allowed_origins))
        if self._origins:
            self._inside = CORSMiddleware(
                self._inside,
                allow_origins=sorted(self._origins),
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["*"],
                expose_headers=["mcp-session-id", "www-authenticate"],
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check who knocks, before anything runs; pages of named origins may read whatever is answered then."""
        if scope["type"] != "http":
            return
        try:
            headers = Headers(scope=scope)
            host = self._check_host(headers.getlist("host"))
            self._check_origin(headers.getlist("origin"), host)
        except RequestError as error:
            await refuse(error)(scope, receive, send)
        else:
            await self._inside(scope, receive, send)

    def _check_host(self, seen: list[str]) -> str:
        host = seen[0].lower() if len(seen) == 1 else ""
        match = HOST.fullmatch(host)
        if match is None or not {host, match[1]} & self._hosts:
            raise ForeignHostError(host=", ".join(seen)[:SEEN_CHARACTERS])
        return host

    def _check_origin(self, seen: list[str], host: str) -> None:
        """Let in what is no web page, a page of this very server, and pages of origins that are named."""
        own = {f"http://{host}", f"https://{host}"}
        if seen and not (len(seen) == 1 and seen[0].lower() in self._origins | own):
            raise ForeignOriginError(origin=", ".join(seen)[:SEEN_CHARACTERS])


class Threshold:
    """Checks what is carried in to `app`, and answers for it when it fails.

    What is let in has its parsed body in `scope["state"]["document"]`.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a fault of ours behind the door is logged here, without the caller's words."""
        connection = Connection(receive, send)
        try:
            await self._enter(scope, connection.receive, connection.send)
        except RequestError as error:
            await refuse(error)(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the edge: uvicorn's log would quote the error's own words
            log(Event.REQUEST_FAILED, level=logging.ERROR, error=error)
            await connection.fail(scope)
        else:
            if not (connection.begun or connection.gone):
                log(Event.REQUEST_FAILED, level=logging.ERROR, reason="not answered")
                await connection.fail(scope)

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["method"] in CARRIERS or carries_body(headers):
            check_media_type(headers.getlist("content-type"))
            check_declared_size(headers.get("content-length", ""))
            body = await read_body(receive)
            if body is None:
                return
            scope = replace_header(scope, b"content-type", b"application/json")
            scope.setdefault("state", {})["document"] = parse(body)
            receive = replay(body, receive)
        await self._app(scope, receive, send)


class Connection:
    """One request's way in and out, which knows whether its answer has begun, and whether its client has gone."""

    def __init__(self, receive: Receive, send: Send) -> None:
        """Stand between."""
        self._receive = receive
        self._send = send
        self.begun = False
        self.gone = False

    async def receive(self) -> Message:
        """Hand on what comes in."""
        message = await self._receive()
        self.gone = self.gone or message["type"] == "http.disconnect"
        return message

    async def send(self, message: Message) -> None:
        """Hand on what goes out."""
        self.begun = True
        await self._send(message)

    async def fail(self, scope: Scope) -> None:
        """Say that this server failed, where nothing was said yet."""
        if not self.begun:
            failed = answer("chat-memory failed inside. The server's log names the place.", 500, INTERNAL_ERROR)
            await failed(scope, self._receive, self._send)


def split_names(names: str) -> list[str]:
    """Read a comma-separated setting."""
    return [name.strip().lower() for name in names.split(",") if name.strip()]


def carries_body(headers: Headers) -> bool:
    """Tell whether a request brings a body although its method needs none."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def check_media_type(seen: list[str]) -> None:
    """Refuse what is not declared to be JSON in UTF-8: a form or plain text is what a foreign web page can send."""
    media = MediaType()
    media["content-type"] = seen[0] if len(seen) == 1 else ""
    charset = media.get_param("charset", "utf-8")
    if media.get_content_type() != "application/json" or str(charset).lower() not in {"utf-8", "utf8"}:
        raise MediaTypeError(seen=", ".join(seen)[:SEEN_CHARACTERS])


def check_declared_size(declared: str) -> None:
    """Refuse a body that says it is too large, before any of it is read."""
    if declared.isdecimal() and (len(declared) > LENGTH_DIGITS or int(declared) > BODY_BYTES):
        raise BodyTooLargeError(limit=BODY_BYTES)


async def read_body(receive: Receive) -> bytes | None:
    """Read a whole body, at most `BODY_BYTES`; None when the client left in the middle."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            raise BodyTooLargeError(limit=BODY_BYTES)
        if not message.get("more_body", False):
            return bytes(body)


def parse(body: bytes) -> object:
    """Parse a body strictly: UTF-8, no half surrogate pairs, no NaN, nested 200 deep at most."""
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise NotJsonError(problem=str(error)) from None


def replay(body: bytes, receive: Receive) -> Receive:
    """Give the body again to whoever reads it next; after it, what the connection says."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read_again() -> Message:
        return messages.pop() if messages else await receive()

    return read_again


def replace_header(scope: Scope, name: bytes, *values: bytes) -> Scope:
    """Copy a request with other values of one header, or none."""
    kept = [header for header in scope["headers"] if header[0] != name]
    return {**scope, "headers": [*kept, *((name, value) for value in values)]}


def refuse(error: RequestError) -> Response:
    """Turn a refusal into its answer."""
    log(Event.REQUEST_REFUSED, reason=type(error).__name__)
    code = PARSE_ERROR if isinstance(error, NotJsonError) else INVALID_REQUEST
    return answer(str(error), STATUS[type(error)], code)


def answer(message: str, status: int, code: int = INVALID_REQUEST) -> Response:
    """Write an error as JSON-RPC does, which MCP clients show; other programs read the same `error.message`."""
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    return Response(json.dumps(body), status, media_type="application/json")
