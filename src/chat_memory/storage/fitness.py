"""Whether a PostgreSQL is fit for memory: recent enough, and keeping what it confirms."""

from dataclasses import dataclass
from typing import Any

from chat_memory.errors import IsolationError, OldServerError, UnsafeDurabilityError
from chat_memory.storage.database import Database

OLDEST_SERVER = 15
"""First PostgreSQL major version the SQL of this room runs on."""
ISOLATION = ("read committed", "read uncommitted")
"""What a statement outside a transaction may run under; the second is the first in PostgreSQL."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a PostgreSQL says about itself."""

    version: int
    settings: dict[str, str]
    role: str
    isolation: str = ISOLATION[0]


DURABILITY = ("fsync", "synchronous_commit")
"""Settings without which a commit may be lost after it was answered."""


async def read_server_facts(db: Database) -> ServerFacts:
    """Ask the server for its major version, its durability settings, the role we are and what our statements see."""
    async with db.session() as session:
        row = await session.connection.fetchrow(
            "select current_setting('server_version_num')::integer / 10000, current_user, "
            "current_setting('default_transaction_isolation'), "
            + ", ".join(f"current_setting('{name}')" for name in DURABILITY)
        )
    values: list[Any] = list(row or ())
    return ServerFacts(values[0], dict(zip(DURABILITY, values[3:], strict=True)), values[1], values[2])


def refuse_unfit_server(facts: ServerFacts, *, allow_unsafe: bool) -> None:
    """Stop before the first write when this server would lose it.

    Raises:
        OldServerError: older than PostgreSQL 15.
        IsolationError: statements do not see what was committed before them, and behind a pooler we cannot change it.
        UnsafeDurabilityError: a durability setting is off and that was not allowed.
    """
    if facts.version < OLDEST_SERVER:
        raise OldServerError(found=facts.version, needed=OLDEST_SERVER)
    if facts.isolation not in ISOLATION:
        raise IsolationError(found=facts.isolation, role=facts.role)
    unsafe = [name for name, value in facts.settings.items() if value == "off"]
    if unsafe and not allow_unsafe:
        raise UnsafeDurabilityError(setting=" and ".join(unsafe))
