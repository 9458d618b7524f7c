"""Who calls: from the call's own request, never from what the session or the process remembers of an earlier one."""

from typing import Any
from urllib.parse import quote

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken, TokenVerifier, principal_components
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.types import ASGIApp

from chat_memory.errors import UnauthenticatedError
from chat_memory.models import Caller
from chat_memory.server.app import Opened
from chat_memory.server.mcp import Context

ALL_SCOPES = frozenset({"memory:read", "memory:write"})


def identify_process(opened: Opened, _: Context) -> Caller:
    """Everybody who can reach this process is its owner: its parent over stdio, this machine over loopback HTTP."""
    return Caller(opened.owner, ALL_SCOPES)


def identify_bearer(_: Opened, context: Context) -> Caller:
    """Whoever the bearer token of this very request stands for.

    The request hangs on the message it brought, in both eras; a handshake-era session runs in a task of its first
    request, whose context variables may be another's.

    Raises:
        UnauthenticatedError: there is no verified token: nobody is anybody's default.
    """
    user: Any = context.request.scope.get("user") if context.request is not None else None
    if not isinstance(user, AuthenticatedUser):
        raise UnauthenticatedError
    return Caller(owner_of(user.access_token), frozenset(user.scopes))


def owner_of(token: AccessToken) -> str:
    """Name the owner a verified token stands for, typed, so that no two kinds of credential share one.

    Raises:
        UnauthenticatedError: the token names half a person: a subject without its issuer is not unique.
    """
    client, issuer, subject = principal_components(token)
    if issuer and subject:
        return f"jwt:{quote(issuer, safe=':/')}#{subject}"
    if issuer or subject or not client:
        raise UnauthenticatedError
    return f"key:{client}"


def guard(app: ASGIApp, verifier: TokenVerifier) -> ASGIApp:
    """Let nobody reach `app` whose bearer token `verifier` does not know (401)."""
    return AuthenticationMiddleware(RequireAuthMiddleware(app, []), backend=BearerAuthBackend(verifier))
