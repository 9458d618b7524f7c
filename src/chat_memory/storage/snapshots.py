"""Reading a chat: all a reader needs in one snapshot, and what is asked for in the same moment in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from uuid import UUID

from pydantic import TypeAdapter

from chat_memory.models import ChatKey, Role
from chat_memory.storage.chat_metadata import NO_MEMORY, StoredMemory, read_stored
from chat_memory.storage.database import Database, Record, Session
from chat_memory.storage.grouping import Grouper
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("snapshots")
READ_SECONDS = 5.0
"""How long one statement may take: readers wait for one another, and a connection that froze must not hold them all."""
GROUP_CHARACTERS = 1_200_000
"""Most text of one statement: what comes back is read in one go, and everybody else waits meanwhile."""
LEADERS = 2
"""Most statements under way at once, and one more of those that recall."""
GROUP_CHATS = 50
"""Most chats of one statement: a reader waits for the others of its group."""
PENDING_TURNS = 300
"""Most pending turns one read shows: with a worker alive there are few, without one the rest is counted and named."""

SHORT_CHARACTERS = 200
"""How much of a pending turn is read once the newer ones fill any reply: what a shortened turn shows."""
RECALL_TURNS = 4_000
"""Most turns one query searches, newest first."""
RECALL_BYTES = 1_000_000
"""Most bytes of them, a longer turn counted as RECALL_CHARACTERS: a chat as long as a model's whole context."""
RECALL_CHARACTERS = 16_000
"""How much of a turn a query searches, from its beginning."""


@dataclass(frozen=True, slots=True)
class CutTurn:
    """A turn, cut to what a reply can hold or recall reads; `characters` is its full length."""

    seq: int
    role: Role
    attested: bool
    content: str
    characters: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A chat at one moment: memory, cursor and newest pending turns, oldest first.

    `ledger` is what `read_ledger` reads: the turns a query searches.
    """

    owner: str
    birth: UUID
    head_seq: int
    done_seq: int
    failed: bool
    lag_ms: int
    stored: StoredMemory
    token_count: int
    pending: list[CutTurn]
    ledger: str = ""

    def read_ledger(self) -> list[CutTurn]:
        """Read the chat's newest turns, folded or not, oldest first; a megabyte takes milliseconds."""
        return TURNS.validate_json(self.ledger) if self.ledger else []


TURNS = TypeAdapter(list[CutTurn])


@dataclass(frozen=True, slots=True)
class Look:
    """What a reader asks for: a chat, how many characters of pending turns it has room for, and whether it recalls."""

    key: ChatKey
    characters: int
    recalls: bool = False

    @property
    def size(self) -> int:
        """Most text that comes back."""
        return self.characters + RECALL_BYTES * self.recalls


@dataclass(slots=True)
class Snapshots:
    """Reads chats of one database. A statement begins after it was asked for: it sees all acknowledged before.

    Who recalls waits in a row of its own: a megabyte each, in which nobody stands who only wants a memory.
    """

    db: Database
    _reads: "Grouper[Look, Snapshot | ValueError | None]" = field(init=False)
    _searches: "Grouper[Look, Snapshot | ValueError | None]" = field(init=False)

    def __post_init__(self) -> None:
        """Group what is asked for."""
        self._reads = Grouper(self._read_group, GROUP_CHATS, attrgetter("size"), GROUP_CHARACTERS, leaders=LEADERS)
        self._searches = Grouper(self._read_group, GROUP_CHATS, attrgetter("size"), GROUP_CHARACTERS)

    async def read(self, look: Look) -> "Snapshot | None":
        """Read a chat; None for one that does not exist.

        Raises:
            ValueError: what stands there is no memory of ours.
        """
        read = await (self._searches if look.recalls else self._reads).submit(look)
        if isinstance(read, ValueError):
            raise read
        return read

    async def _read_group(self, looks: Sequence[Look]) -> "Sequence[Snapshot | ValueError | None]":
        return await self.db.run(lambda session: read_snapshots(session, looks))


async def read_snapshots(session: Session, looks: Sequence[Look]) -> "list[Snapshot | ValueError | None]":
    """Read chats in one statement, each as it is at that moment; one that cannot be read fails alone."""
    rows = await session.fetch(
        QUERIES["read_snapshots"],
        [look.key.bucket for look in looks],
        [look.key.chat for look in looks],
        [look.characters for look in looks],
        session.drift,
        PENDING_TURNS,
        SHORT_CHARACTERS,
        [look.recalls for look in looks],
        RECALL_TURNS,
        RECALL_BYTES,
        RECALL_CHARACTERS,
        seconds=READ_SECONDS,
    )
    read: list[Snapshot | ValueError | None] = [None] * len(looks)
    for row in rows:
        try:
            read[row["place"] - 1] = _snapshot(row)
        except ValueError as error:
            read[row["place"] - 1] = error
    return read


def _snapshot(row: Record) -> Snapshot:
    return Snapshot(
        owner=row["owner"],
        birth=row["birth"],
        head_seq=row["head_seq"],
        done_seq=row["done_seq"],
        failed=row["failed"],
        lag_ms=row["lag_ms"],
        stored=NO_MEMORY if row["version"] is None else read_stored(row),
        token_count=row["token_count"] or 0,
        pending=TURNS.validate_json(row["pending_turns"]) if row["pending_turns"] else [],
        ledger=row["ledger_turns"] or "",
    )
