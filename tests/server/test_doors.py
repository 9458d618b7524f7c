"""The door before every HTTP route: nobody foreign gets in, nothing but JSON is carried in, in words."""

from collections.abc import AsyncGenerator

import httpx2
import pytest
from starlette.types import Message, Receive, Scope, Send

from chat_memory.errors import RequestError
from chat_memory.models import CALL_BYTES, TURN_BYTES
from chat_memory.server.doors import BODY_BYTES, STATUS, Doors
from chat_memory.settings import Settings
from tests.sessions import MODERN, serving_http

JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
MODERN_HEADERS = JSON | {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "update_memory"}
FRIEND = "https://friend.example"


@pytest.fixture
async def http(database_url: str) -> AsyncGenerator[httpx2.AsyncClient]:
    """A raw HTTP client of a served process."""
    settings = Settings(
        database_url=database_url,
        owner="alice",
        worker=False,
        allowed_hosts="memory.example, other.example:8443",
        allowed_origins=FRIEND,
    )
    async with (
        serving_http(settings) as url,
        httpx2.AsyncClient(base_url=url.removesuffix("/mcp"), timeout=60) as client,
    ):
        yield client


def ping() -> dict[str, object]:
    """The smallest request of the 2025 era."""
    return {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def remember(*contents: str) -> dict[str, object]:
    """A call of the 2026 era."""
    said = [{"role": "user", "content": content} for content in contents]
    arguments = {"chat_id": "a", "messages": said}
    params = {"name": "update_memory", "arguments": arguments, "_meta": MODERN}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def said_by(answer: httpx2.Response) -> str:
    """Return what an error answer says, which must be the words of a JSON-RPC error."""
    body = answer.json()
    assert (body["jsonrpc"], body["id"]) == ("2.0", None)
    return str(body["error"]["message"])


@pytest.mark.parametrize("path", ["/mcp", "/nothing/here"])
async def test_a_foreign_host_or_page_is_refused_at_every_path(http: httpx2.AsyncClient, path: str) -> None:
    """Without _check_host or _check_origin a web page could reach this server through its visitor's browser."""
    hosts = ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "[::1", "other.example:1", "a b"]
    for host in hosts:
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            answer = await http.request(method, path, headers={**JSON, "Host": host}, content=b"{}")
            assert answer.status_code == 421
            assert "CHAT_MEMORY_ALLOWED_HOSTS" in said_by(answer)
    for origin in ["https://evil.example", "null", "http://localhost:1", f"{FRIEND}.evil.example", f"{FRIEND}:8443"]:
        for method in ("GET", "POST", "OPTIONS"):
            answer = await http.request(method, path, headers={**JSON, "Origin": origin}, content=b"{}")
            assert answer.status_code == 403
            assert "CHAT_MEMORY_ALLOWED_ORIGINS" in said_by(answer)
    twice = [*JSON.items(), ("Origin", FRIEND), ("Origin", "https://evil.example")]
    assert (await http.post(path, headers=twice, json=ping())).status_code == 403


async def test_friends_are_let_in(http: httpx2.AsyncClient) -> None:
    """Loopback under any port, named hosts, this server's own pages, pages of a named origin."""
    port = http.base_url.port
    for more in (
        {"Host": "localhost"},
        {"Host": "LOCALHOST:9"},
        {"Host": "[::1]:80"},
        {"Host": "memory.example:7"},
        {"Host": "other.example:8443"},
        {"Origin": f"http://127.0.0.1:{port}"},
        {"Origin": FRIEND},
    ):
        answer = await http.post("/mcp", headers={**JSON, **more}, json=ping())
        assert answer.status_code == 200, more


async def test_a_browser_may_ask_first_for_a_page_of_a_named_origin(http: httpx2.AsyncClient) -> None:
    """Without CORSMiddleware in build_site the setting would let a page in and its browser would still refuse."""
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,mcp-session-id"}
    answer = await http.options("/mcp", headers={"Origin": FRIEND, **asks})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == FRIEND


async def test_a_page_of_a_named_origin_may_read_refusals_too(http: httpx2.AsyncClient) -> None:
    """With CORSMiddleware behind Threshold in Doors the page would be told of a network error, and nothing else."""
    friend = {**JSON, "Origin": FRIEND}
    refusals = [
        await http.post("/mcp", headers={**friend, "Content-Type": "text/plain"}, json=ping()),
        await http.post("/mcp", headers=friend, content=b"no json"),
        await http.post("/nothing", headers=friend, json=ping()),
    ]
    assert [answer.status_code for answer in refusals] == [415, 400, 404]
    for answer in refusals:
        assert answer.headers["access-control-allow-origin"] == FRIEND
        assert answer.headers["access-control-expose-headers"] == "mcp-session-id, www-authenticate"
    foreign = await http.post("/mcp", headers={**friend, "Host": "evil.example"}, json=ping())
    assert foreign.status_code == 421
    assert "access-control-allow-origin" not in foreign.headers


OTHER_MEDIA = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=latin-1",
    "application/json; charset=utf-16",
    "application/jsonx",
    "application/json, text/plain",
    "",
]


async def test_a_body_that_is_not_declared_json_is_refused(http: httpx2.AsyncClient) -> None:
    """Without check_media_type a page of any origin could send it: text and forms need no permission."""
    for media in OTHER_MEDIA:
        for method in ("POST", "PUT", "PATCH", "DELETE", "GET"):
            for path in ("/mcp", "/nothing"):
                answer = await http.request(method, path, headers={**JSON, "Content-Type": media}, json=ping())
                assert answer.status_code == 415
                assert "application/json" in said_by(answer)


async def test_json_may_say_that_it_is_utf_8(http: httpx2.AsyncClient) -> None:
    """Without replace_header in Threshold the SDK would refuse what is not in lower case, in words of its own."""
    for media in (
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json;x=y",
        "APPLICATION/JSON",
    ):
        assert (await http.post("/mcp", headers={**JSON, "Content-Type": media}, json=ping())).status_code == 200


BROKEN: list[bytes] = [
    b"",
    b"not json",
    b'{"jsonrpc": "2.0", "id": 1, "method": "ping"',
    b'{"jsonrpc":"2.0","id":1,"method":"\xff"}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"\\ud800"}}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"\\udfff":1}}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":NaN}}',
    b'{"jsonrpc":"2.0","id":' + b"9" * 5_000 + b',"method":"ping"}',
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 50_000,
    b"\xef\xbb\xbf{}",
    '{"jsonrpc":"2.0","id":1,"method":"ping"}'.encode("utf-16"),
]


@pytest.mark.parametrize("headers", [JSON, MODERN_HEADERS], ids=["2025-11-25", "2026-07-28"])
async def test_a_broken_body_is_a_parse_error_and_the_server_lives(
    http: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    """Without parse() half a surrogate pair reaches the tool, and PostgreSQL refuses it after the fact."""
    for body in BROKEN:
        answer = await http.post("/mcp", headers=headers, content=body)
        assert answer.status_code == 400
        assert "not JSON in UTF-8" in said_by(answer)
        assert answer.json()["error"]["code"] == -32700
        assert (await http.post("/nothing", headers=headers, content=body)).status_code == 400
    assert (await http.post("/mcp", headers=JSON, json=ping())).status_code == 200


@pytest.mark.parametrize("headers", [JSON, MODERN_HEADERS], ids=["2025-11-25", "2026-07-28"])
async def test_json_that_is_no_message_is_refused(http: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    for body in (b"[]", b"{}", b"1", b'"x"', b"null", b'{"id": 7}', b"[" * 150 + b"]" * 150):
        answer = await http.post("/mcp", headers=headers, content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] < 0


async def test_a_nul_is_told_to_the_model_and_nothing_is_written(http: httpx2.AsyncClient) -> None:
    refused = (await http.post("/mcp", headers=MODERN_HEADERS, json=remember("a\x00b"))).json()["result"]
    assert refused["isError"]
    assert "NUL character" in refused["content"][0]["text"]
    taken = (await http.post("/mcp", headers=MODERN_HEADERS, json=remember("ab"))).json()["result"]
    assert taken["structuredContent"]["first_seq"] == 1


async def test_the_largest_call_gets_in_and_a_larger_body_does_not(http: httpx2.AsyncClient) -> None:
    """With the SDK's 4 MiB a legal call, every character of it escaped, would be refused."""
    largest = remember(*["\x01" * TURN_BYTES] * (CALL_BYTES // TURN_BYTES))
    answer = await http.post("/mcp", headers=MODERN_HEADERS, json=largest)
    assert answer.json()["result"]["structuredContent"]["seq"] == 4
    for headers in (JSON, MODERN_HEADERS):
        answer = await http.post("/mcp", headers=headers, content=b" " * (BODY_BYTES + 1))
        assert answer.status_code == 413
        assert "split it" in said_by(answer)


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    """Without check_declared_size 8 MiB would be taken into memory before the rest is refused."""

    async def never(_: Scope, __: Receive, ___: Send) -> None:
        raise AssertionError

    async def unread() -> Message:
        raise AssertionError

    said: list[Message] = []

    async def take(message: Message) -> None:
        said.append(message)

    for size in (str(BODY_BYTES + 1), "9" * 5_000):
        headers = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": size}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope: Scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": raw}
        await Doors(never, Settings())(scope, unread, take)
    assert [message["status"] for message in said if message["type"] == "http.response.start"] == [413, 413]


async def test_a_request_that_nothing_answers_is_a_fault_and_logged(capfd: pytest.CaptureFixture[str]) -> None:
    """Without the else in Threshold uvicorn would answer 500 without a word, and no log would tell."""

    async def forget(_: Scope, __: Receive, ___: Send) -> None:
        return

    transport = httpx2.ASGITransport(Doors(forget, Settings()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/mcp")
    assert answer.status_code == 500
    assert "failed inside" in said_by(answer)
    assert "request_failed" in "".join(capfd.readouterr())


def test_every_refusal_has_its_status() -> None:
    """A refusal missing in STATUS would be a fault of ours: 500."""
    assert set(STATUS) == set(RequestError.__subclasses__())


async def test_a_fault_behind_the_door_quotes_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    """Without the last except in Doors uvicorn would log the error's own words."""

    async def fail(_: Scope, __: Receive, ___: Send) -> None:
        raise RuntimeError("the caller's words")

    transport = httpx2.ASGITransport(Doors(fail, Settings()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/mcp")
    assert answer.status_code == 500
    seen = said_by(answer) + "".join(capfd.readouterr())
    assert "failed inside" in seen
    assert "RuntimeError" in seen
    assert "words" not in seen


async def test_a_path_that_is_not_there_says_what_is(http: httpx2.AsyncClient) -> None:
    """With redirect_slashes in build_site /mcp/ would be sent to http, whatever scheme its client came by."""
    for method in ("GET", "POST"):
        for path in ("/sse", "/mcp/"):
            answer = await http.request(method, path, headers=JSON, json=ping())
            assert answer.status_code == 404
            assert "MCP is served at /mcp" in said_by(answer)
