"""What goes wrong with a database, in our words: asyncpg's errors stop at this room's door."""

from urllib.parse import parse_qs, urlsplit

import asyncpg

from chat_memory.errors import (
    ChatBusyError,
    DatabaseError,
    DatabaseUnreachableError,
    LostStatementError,
    RefusedStatementError,
)

GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)
"""What asyncpg raises when no server answers or a connection broke: the outcome of a statement is unknown."""
REFUSED_LOGIN = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ClientConfigurationError,
)
SCHEMES = ("postgresql", "postgres")
UNREADABLE = "a URL that cannot be read"
MISWRITTEN = "it should be postgresql://user:password@host:port/name, with @ / ? # of the password as %40 %2F %3F %23"
LOST_STATEMENT = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
"""What a statement prepared on another server connection ends in, behind a transaction pooler."""
ROLLED_BACK = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class translated:  # noqa: N801 - reads as a word at its place of use
    """Let asyncpg's errors leave this room in our words; rollbacks worth another try pass as they are."""

    def __init__(self, url: str) -> None:
        """Remember whom to name."""
        self.url = url

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Translate."""
        if isinstance(error, GONE + REFUSED_LOGIN) and not isinstance(error, DatabaseError):
            raise DatabaseUnreachableError(where=describe_url(self.url), reason=reason_of(error)) from error
        if isinstance(error, asyncpg.LockNotAvailableError):
            raise ChatBusyError from error
        if isinstance(error, LOST_STATEMENT):
            raise LostStatementError(reason=reason_of(error)) from error
        if isinstance(error, asyncpg.PostgresError) and not isinstance(error, ROLLED_BACK):
            raise RefusedStatementError(reason=reason_of(error)) from error


def reason_of(error: BaseException) -> str:
    """Say in one line what went wrong."""
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")


def describe_url(url: str) -> str:
    """Name a database without its password: host, port and name only, and nothing of a URL whose parts are in doubt."""
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        if parts.scheme not in SCHEMES or "@" in parts.path + parts.query + parts.fragment:
            return UNREADABLE  # a password with an unescaped / ? or # ends up in any of these
        host = parts.hostname or query.get("host", [""])[0] or "the default host"
        port = parts.port or query.get("port", ["5432"])[0]
    except ValueError:
        return UNREADABLE
    return f"{host}:{port}{parts.path}"
