"""What folds start from: memories and pending turns, many chats of one bucket in one snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chat_memory.models import Turn
from chat_memory.storage.chat_metadata import NO_MEMORY, StoredMemory, read_stored
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Record, Session
from chat_memory.storage.queries import load_queries
from chat_memory.storage.turns import read_turn

QUERIES = load_queries("startings")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a fold wants to read: of a claimed chat its memory, and so many bytes of pending turns."""

    claim: Claim
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class Starting:
    """What a fold starts from: the memory as it stands, and its oldest pending turns. No turns, no memory.

    `failure` says why the memory cannot be read: the fold of this chat fails, and of no other.
    """

    stored: StoredMemory = NO_MEMORY
    pending: list[Turn] = field(default_factory=list[Turn])
    failure: ValueError | None = None


async def read_starting(session: Session, readings: Sequence[Reading]) -> list[Starting]:
    """Read what folds of one bucket start from."""
    bucket = readings[0].claim.key.bucket
    chats = [reading.claim.key.chat for reading in readings]
    done = [reading.claim.cursor.done_seq for reading in readings]
    limit = min(reading.limit_bytes for reading in readings)
    read = [Starting() for _ in chats]
    for row in await session.fetch(QUERIES["read_starting"], bucket, chats, done, limit):
        at: int = row["place"] - 1
        if row["version"] is not None:  # stands with the first turn only
            read[at] = _begin(row)
        read[at].pending.append(read_turn(row))
    return read


def _begin(row: Record) -> Starting:
    try:
        return Starting(read_stored(row))
    except ValueError as error:
        return Starting(failure=error)
