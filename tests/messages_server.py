"""A real HTTP server that speaks the Messages API: strict about what it is asked, and it answers from the turns it got.

It stands for the provider, not for our code: requests reach it through Anthropic's SDK and a socket. Told to, it fails
the ways a provider fails.
"""

import json
import re
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

MODEL = "claude-haiku-5-5"
ALLOWED = {"model", "max_tokens", "system", "messages", "thinking", "output_config"}
"""Anything else is refused, temperature, top_p and top_k first of all."""
TAGS = re.compile(
    r'<memory version="\d+">|</memory>|</?before>|<turns>|</turns>|<summary>|</summary>|</fact>|</turn>'
    r'|<fact id="f[\d.]+" field="(?:user_confirmed|llm_inferred)" key="[^"<>]*" turn="\d+">'
    r'|<rejected key="[^"<>]*" upto_turn="\d+">|</rejected>'
    r'|<turn seq="\d+" role="(?:user|assistant|tool|system|note)"(?: attested="no")?'
    r' at="[A-Z][a-z]+ [\d-]+ [\d:]+ UTC">'
)
TURN = re.compile(r'<turn seq="(\d+)" role="(\w+)"( attested="no")? at="[^"]+">(.*?)</turn>', re.DOTALL)
FACT = re.compile(r'<fact id="([^"]+)" field="(\w+)" key="([^"]*)" turn="\d+">(.*?)</fact>', re.DOTALL)
SUMMARY = re.compile(r"<summary>(.*?)</summary>", re.DOTALL)
STATED = re.compile(r"(?:actually, )?my ([a-z ]+?) is (?:now )?([^.!?\n]+)[.!]", re.IGNORECASE)
TOKEN_CHARACTERS = 4


class Shown(NamedTuple):
    """A turn as the model sees it."""

    seq: int
    role: str
    attested: bool
    text: str


@dataclass(slots=True)
class Asked:
    """One request, read as a model would read it."""

    turns: list[Shown]
    facts: dict[str, tuple[str, str]]
    """Id and value of the existing facts, by key."""
    summary: str
    body: dict[str, Any]


def read_question(body: dict[str, Any]) -> Asked:
    """Read memory and turns out of a request."""
    text = body["messages"][0]["content"]
    told = TURN.findall(text.partition("<turns>")[2])
    turns = [Shown(int(seq), role, not doubt, unescape(content)) for seq, role, doubt, content in told]
    facts = {unescape(key): (name, unescape(value)) for name, _, key, value in FACT.findall(text)}
    summary = SUMMARY.search(text)
    return Asked(turns, facts, unescape(summary[1]) if summary else "", body)


def answer_from(asked: Asked) -> dict[str, Any]:
    """Answer as a model would: "my <key> is <value>" is a fact, said again with another value it supersedes."""
    facts: list[dict[str, Any]] = []
    known = dict(asked.facts)
    for turn in asked.turns:
        if turn.role == "user":
            facts += [state(turn, match, known) for match in STATED.finditer(turn.text)]
    lines = [line for line in [asked.summary, *(f"{turn.role} said: {turn.text[:60]}" for turn in asked.turns)] if line]
    return {"facts": facts, "summary": "\n".join(lines)}


def state(turn: Shown, match: re.Match[str], known: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Write one stated fact; of a key that is known, as its successor."""
    key, value = match[1].strip(), match[2].strip()
    old = known.get(key)
    op = "add" if old is None else "supersede"
    fact = {"op": op, "key": key, "value": value, "basis": "user_stated", "quote": match[0], "source_seq": turn.seq}
    return {**fact, "replaces": old[0] if old else ""}


@dataclass(slots=True)
class Reply:
    """What goes back: status, headers, body."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])


Fault = Callable[["MessagesServer", Asked], Reply]


def message(asked: Asked, text: str, stop_reason: str = "end_turn") -> Reply:
    """Wrap a text as the provider does, with what it costs: the system text is read from its cache."""
    rules = len(asked.body["system"][0]["text"]) // TOKEN_CHARACTERS
    question = len(asked.body["messages"][0]["content"]) // TOKEN_CHARACTERS
    usage = {
        "input_tokens": question,
        "output_tokens": max(1, len(text) // TOKEN_CHARACTERS),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": rules,
    }
    content = [{"type": "text", "text": text}] if text else []
    envelope = {"id": "msg_test", "type": "message", "role": "assistant", "model": asked.body["model"]}
    body = {**envelope, "content": content, "stop_reason": stop_reason, "stop_sequence": None, "usage": usage}
    return Reply(200, json.dumps(body).encode())


def failure(status: int, kind: str, **headers: str) -> Reply:
    """Refuse as the provider does."""
    error = {"type": "error", "error": {"type": kind, "message": "as the test asked"}}
    return Reply(status, json.dumps(error).encode(), {name.replace("_", "-"): value for name, value in headers.items()})


def status(code: int, kind: str, **headers: str) -> Fault:
    """Answer with an HTTP error."""
    return lambda _, __: failure(code, kind, **headers)


def saying(text: str, stop_reason: str = "end_turn") -> Fault:
    """Answer with this text."""
    return lambda _, asked: message(asked, text, stop_reason)


def proposing(change: Callable[[dict[str, Any]], None]) -> Fault:
    """Answer from the turns, then change the answer."""

    def answer(_: "MessagesServer", asked: Asked) -> Reply:
        said = answer_from(asked)
        change(said)
        return message(asked, json.dumps(said))

    return answer


def truncated(_: "MessagesServer", asked: Asked) -> Reply:
    """Stop in the middle of the answer."""
    text = json.dumps(answer_from(asked))
    return message(asked, text[: len(text) // 2], "max_tokens")


def silent(server: "MessagesServer", asked: Asked) -> Reply:
    """Answer when the server is closed: too late."""
    server.closing.wait(60)
    return message(asked, "{}")


def slow(server: "MessagesServer", asked: Asked) -> Reply:
    """Answer from the turns when told to."""
    server.may_answer.wait(60)
    return message(asked, json.dumps(answer_from(asked)))


class MessagesServer:
    """The provider: what it was asked, and how it is to fail next."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.url = ""
        self.asked: list[Asked] = []
        self.refused: list[str] = []
        """What requests broke the rules of the API."""
        self.next_faults: list[Fault] = []
        self.always: Fault | None = None
        self.closing = threading.Event()
        self.may_answer = threading.Event()

    def serve(self, path: str, headers: dict[str, str], raw: bytes) -> Reply:
        """Answer one request."""
        sent = headers.get("authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")
        if sent != self.key:
            return failure(401, "authentication_error")
        body = json.loads(raw)
        wrong = objection(path, headers, body)
        if wrong:
            self.refused.append(wrong)
            return failure(400, "invalid_request_error")
        if body["model"] != MODEL:
            return failure(404, "not_found_error")
        asked = read_question(body)
        self.asked.append(asked)
        fault = self.next_faults.pop(0) if self.next_faults else self.always
        return fault(self, asked) if fault else message(asked, json.dumps(answer_from(asked)))


def objection(path: str, headers: dict[str, str], body: dict[str, Any]) -> str:
    """Say what the API would refuse in a request, or what would let a turn out of its tags."""
    text = body["messages"][0]["content"]
    checks = {
        "path": path == "/v1/messages",
        "version": "anthropic-version" in headers,
        "parameters": set(body) <= ALLOWED,
        "max_tokens": isinstance(body["max_tokens"], int) and body["max_tokens"] > 0,
        "system": [block["type"] for block in body["system"]] == ["text"],
        "cached": body["system"][0]["cache_control"] == {"type": "ephemeral"},
        "messages": [item["role"] for item in body["messages"]] == ["user"],
        "thinking": body["thinking"] == {"type": "disabled"},
        "effort": body["output_config"]["effort"] == "low",
        "schema": is_strict(body["output_config"]["format"]),
        "escaping": not re.search("[<>]", TAGS.sub("", text)) and text.count("<turns>") == 1,
    }
    return ", ".join(name for name, holds in checks.items() if not holds)


def is_strict(output: dict[str, Any]) -> bool:
    """Tell whether a schema is one structured output takes: objects closed, nothing of free keys, no length limits."""

    def walk(node: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - a JSON value
        if isinstance(node, dict):
            yield node
        if isinstance(node, dict | list):
            for child in node.values() if isinstance(node, dict) else node:  # pyright: ignore[reportUnknownVariableType]
                yield from walk(child)

    nodes = list(walk(output["schema"]))
    closed = all(node.get("additionalProperties") is False for node in nodes if node.get("type") == "object")
    return output["type"] == "json_schema" and closed and not any("maxLength" in node for node in nodes)


class Listener(ThreadingHTTPServer):
    """Takes connections, and a client that was killed for what it is."""

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has them
        """Say nothing of a client that went away; print what is our own fault."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def messages_server(key: str) -> Generator[MessagesServer]:
    """Serve on a free port of this machine until the block ends."""
    server = MessagesServer(key)

    class Handler(BaseHTTPRequestHandler):
        """Hands requests over."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer."""
            raw = self.rfile.read(length := int(self.headers["content-length"]))
            if len(raw) < length:
                raise ConnectionResetError("killed in the middle of its question")
            reply = server.serve(self.path, {name.lower(): value for name, value in self.headers.items()}, raw)
            self.send_response(reply.status)
            for name, value in {"content-type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            try:
                self.wfile.write(reply.body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing: pytest's output is for failures."""

    with Listener(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        server.url = f"http://127.0.0.1:{listener.server_port}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.may_answer.set()
            listener.shutdown()
            thread.join()
