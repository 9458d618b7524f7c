"""Who calls: always whoever this very request's token stands for, however many call at once, in both eras."""

from contextlib import AsyncExitStack

import anyio
import anyio.lowlevel
import httpx2
import pytest
from mcp import Client
from mcp.server.auth.provider import AccessToken
from mcp.shared.subscriptions import ResourceUpdated

from chat_memory.errors import UnauthenticatedError
from chat_memory.server.access import owner_of
from chat_memory.server.resources import uri_of
from chat_memory.settings import Settings
from tests.posts import ACCEPT, error_of, open_session, post, post_modern
from tests.sessions import ERAS, ask, connect_http, serving_http

CALLERS = [f"caller{number}" for number in range(20)]
ISSUER = "https://issuer.example/"
READ = {"name": "get_history", "arguments": {"chat_id": "shared"}}


def bearer(name: str) -> dict[str, str]:
    """The header of a caller's token."""
    return {"Authorization": f"Bearer {name}"}


class NamesAreTokens:
    """A verifier that takes a known name for a token of its own."""

    async def verify_token(self, token: str) -> AccessToken | None:
        """Know the callers."""
        await anyio.lowlevel.checkpoint()
        if token not in CALLERS:
            return None
        return AccessToken(token=token, client_id="app", scopes=[], subject=token, claims={"iss": ISSUER})


def settings_on(database_url: str) -> Settings:
    return Settings(database_url=database_url, owner="alice", worker=False)


async def test_200_calls_at_once_of_20_callers_never_meet(database_url: str) -> None:
    """With the caller kept on the server object, or in the session's task, some would read another's words."""
    read: list[tuple[str, list[str]]] = []
    async with serving_http(settings_on(database_url), NamesAreTokens()) as url, AsyncExitStack() as stack:
        clients = [
            (caller, era, await stack.enter_async_context(connect_http(era, url, token=caller)))
            for caller in CALLERS
            for era in ERAS
        ]

        async def write(caller: str, era: str, client: Client, number: int) -> None:
            said = [{"role": "user", "content": f"{caller} {era} {number}"}]
            await ask(client, "update_memory", chat_id="shared", messages=said)

        async def look(caller: str, client: Client) -> None:
            turns = (await ask(client, "get_history", chat_id="shared"))["turns"]
            read.append((caller, [turn["content"] for turn in turns]))

        async with anyio.create_task_group() as group:
            for number in range(5):
                for caller, era, client in clients:
                    group.start_soon(write, caller, era, client, number)
        async with anyio.create_task_group() as group:
            for _ in range(5):
                for caller, _era, client in clients:
                    group.start_soon(look, caller, client)
    assert len(read) == 200
    for caller, contents in read:
        assert sorted(contents) == sorted(f"{caller} {era} {number}" for era in ERAS for number in range(5))


async def test_anothers_session_is_no_session(database_url: str) -> None:
    """A stolen session id opens nothing: not the owner's chats, not the thief's own through it, not its stream."""
    async with serving_http(settings_on(database_url), NamesAreTokens()) as url, httpx2.AsyncClient() as http:
        session = await open_session(http, url, **bearer("caller0"))
        assert "Mcp-Session-Id" in session
        stolen = {**session, **bearer("caller1")}
        assert (await post(http, url, session, "tools/call", READ)).status_code == 200
        answer = await post(http, url, stolen, "tools/call", READ)
        assert (answer.status_code, error_of(answer)) == (404, "Session not found")
        for method in ("GET", "DELETE"):
            assert (await http.request(method, url, headers=stolen)).status_code == 404
        assert (await post(http, url, session, "tools/call", READ)).status_code == 200


async def test_nobody_is_anybody_by_default(database_url: str) -> None:
    """Without guard() in build_site a call without a token would reach the handlers."""
    async with serving_http(settings_on(database_url), NamesAreTokens()) as url, httpx2.AsyncClient() as http:
        session = await open_session(http, url, **bearer("caller0"))
        for headers in ({}, bearer("stranger"), {"Authorization": "Basic caller0"}):
            for more in (ACCEPT, {**session, "Authorization": "", **headers}):
                answer = await post(http, url, {**more, **headers}, "tools/call", READ)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert (await post_modern(http, url, "tools/call", READ)).status_code == 401


async def test_a_watcher_is_told_of_its_own_chats_only(database_url: str) -> None:
    """The same URI is another chat for another caller."""
    async with (
        serving_http(settings_on(database_url), NamesAreTokens()) as url,
        connect_http("2026-07-28", url, token=CALLERS[0]) as one,
        connect_http("2026-07-28", url, token=CALLERS[1]) as two,
        one.listen(resource_subscriptions=[uri_of("shared"), uri_of("own")]) as news,
    ):
        await ask(two, "update_memory", chat_id="shared", snippet="two")
        await ask(one, "update_memory", chat_id="own", snippet="one")
        with anyio.fail_after(60):
            async for event in news:
                assert isinstance(event, ResourceUpdated)
                assert event.uri == uri_of("own")
                break


def test_an_owner_is_typed_and_two_credentials_never_share_one() -> None:
    """Without quote() in owner_of an issuer could end where another's subject begins; half a name is nobody's."""

    def token(client: str, subject: str | None = None, issuer: str | None = None) -> AccessToken:
        return AccessToken(token="t", client_id=client, scopes=[], subject=subject, claims={"iss": issuer})  # noqa: S106

    assert owner_of(token("app", "ada", ISSUER)) == f"jwt:{ISSUER}#ada"
    assert owner_of(token("app")) == "key:app"
    for half in (token("app", "ada"), token("app", None, ISSUER), token("")):
        with pytest.raises(UnauthenticatedError):
            owner_of(half)
    assert owner_of(token("app", "b#c", "a")) != owner_of(token("app", "c", "a#b"))
    assert owner_of(token("app", "c", "a#b")) != owner_of(token("app", "c", "a%23b"))
