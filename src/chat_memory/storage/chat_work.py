"""The cursor of every chat: how far written, how far folded, who folds it now (drawn in docs/state_machine.md)."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from uuid import UUID

from pydantic import ValidationError

from chat_memory.errors import OwnerMismatchError
from chat_memory.models import ChatKey, Draft
from chat_memory.storage.database import Record, Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("chat_work")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
ERROR_CHARACTERS = 500
"""How much of a failure's text is kept: enough to act on, never a turn's content."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a chat is written (`head_seq`) and folded (`done_seq`), and whether it waits for help."""

    head_seq: int
    done_seq: int
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to fold one chat until the lease ends; `token` fences every write made with it.

    `waited` is the age of the oldest pending turn when the chat was claimed.
    """

    key: ChatKey
    token: UUID
    cursor: Cursor
    draft: Draft | None
    attempts: int
    lease_expiries: int
    waited: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class WorkCounts:
    """Chats that wait, are being folded, and wait for help."""

    due: int
    leased: int
    failed: int


def hash_owner(owner: str) -> bytes:
    """Shorten an owner's name to what the hot row carries."""
    return hashlib.sha256(owner.encode()).digest()[:16]


def check_owner(row: Record | None, owner: str) -> None:
    """Compare the owner of a row with the caller's, again.

    Raises:
        OwnerMismatchError: they differ.
    """
    if row is not None and row["owner_hash"] != hash_owner(owner):
        raise OwnerMismatchError


async def lock_chat(session: Session, key: ChatKey, owner: str) -> Cursor | None:
    """Lock a chat for this transaction; None when it does not exist.

    Raises:
        OwnerMismatchError: the row is another owner's: the key alone is not trusted.
    """
    row = await session.fetch_row(QUERIES["lock_chat"], *key)
    check_owner(row, owner)
    return Cursor(row["head_seq"], row["done_seq"]) if row else None


async def open_chat(session: Session, key: ChatKey, owner: str) -> bool:
    """Begin a chat and lock it; False when it exists already."""
    return await session.execute(QUERIES["open_chat"], *key, hash_owner(owner)) == 1


async def find_due_buckets(session: Session, limit: int) -> list[int]:
    """List the buckets with due chats, most overdue first."""
    rows = await session.fetch(QUERIES["find_due_buckets"], session.drift, limit)
    return [row["bucket"] for row in rows]


async def claim_chats(session: Session, bucket: int, limit: int, lease: timedelta, token: UUID) -> list[Claim]:
    """Claim up to `limit` due chats of one bucket under a new `token`."""
    rows = await session.fetch(QUERIES["claim_chats"], bucket, limit, token, lease, session.drift)
    return [_claim(row, token) for row in rows]


async def claim_chat(session: Session, key: ChatKey, lease: timedelta, token: UUID) -> Claim | None:
    """Claim this chat under a new `token`; None when nothing is pending or somebody else holds it."""
    row = await session.fetch_row(QUERIES["claim_chat"], *key, token, lease, session.drift)
    return _claim(row, token) if row else None


async def hasten_chat(session: Session, key: ChatKey) -> bool:
    """Make a chat due now, whatever it waited for; False when nothing is pending or somebody holds it."""
    return await session.execute(QUERIES["hasten_chat"], *key, session.drift) == 1


async def renew_leases(session: Session, claims: Sequence[Claim], lease: timedelta) -> set[tuple[ChatKey, UUID]]:
    """Keep claims of one bucket for another `lease`; those that were lost are not in the answer."""
    rows = await session.fetch(QUERIES["renew_leases"], *_leases(claims), lease, session.drift)
    return {(ChatKey(row["chat"][0], row["chat"]), row["lease_token"]) for row in rows}


async def hand_back_leases(session: Session, claims: Sequence[Claim]) -> int:
    """Give claims of one bucket up uncounted, drafts kept; how many were not lost already."""
    return await session.execute(QUERIES["hand_back_leases"], *_leases(claims), session.drift)


async def defer_fold(session: Session, claim: Claim, delay: timedelta) -> bool:
    """Give a claim up uncounted, due again after `delay`; False when it was lost already."""
    return await session.fetch_row(QUERIES["defer_fold"], *claim.key, claim.token, delay, session.drift) is not None


async def hand_back_claims(session: Session, bucket: int, token: UUID) -> int:
    """Give up whatever a claim got whose answer was lost; how many chats that were."""
    return await session.execute(QUERIES["hand_back_claims"], bucket, token, session.drift)


async def record_failure(session: Session, claim: Claim, error: str, backoff: timedelta, max_attempts: int) -> bool:
    """Count a failed fold and give the claim up; True when that was one too many and the chat waits for help."""
    told = UNSTORABLE.sub("?", error[:ERROR_CHARACTERS])
    values = (*claim.key, claim.token, told, backoff, max_attempts, session.drift)
    row = await session.fetch_row(QUERIES["record_failure"], *values)
    return row is not None and row["failed_at"] is not None


async def read_cursor(session: Session, key: ChatKey, owner: str) -> Cursor | None:
    """Read how far a chat is; None when it does not exist.

    Raises:
        OwnerMismatchError: the row is another owner's.
    """
    row = await session.fetch_row(QUERIES["read_cursor"], *key)
    check_owner(row, owner)
    return Cursor(row["head_seq"], row["done_seq"], row["failed_at"] is not None) if row else None


async def count_work(session: Session) -> WorkCounts:
    """Count the chats that wait, are leased, and failed."""
    row = await session.fetch_row(QUERIES["count_work"])
    return WorkCounts(*row) if row else WorkCounts(0, 0, 0)


def _leases(claims: Sequence[Claim]) -> tuple[int, list[bytes], list[UUID]]:
    """Name claims of one bucket, in the order of keys: so does everybody who locks several chats."""
    ordered = sorted(claims, key=attrgetter("key"))
    return ordered[0].key.bucket, [claim.key.chat for claim in ordered], [claim.token for claim in ordered]


def read_draft(stored: str | None) -> Draft | None:
    """Read the answer a crash left behind; one that nobody can read, such as another version's, is asked for anew."""
    try:
        return Draft.model_validate_json(stored) if stored else None
    except ValidationError:
        return None


def _claim(row: Record, token: UUID) -> Claim:
    draft = read_draft(row["draft"])
    cursor = Cursor(row["head_seq"], row["done_seq"])
    counted = (row["attempts"], row["lease_expiries"], row["waited"] or timedelta())
    return Claim(ChatKey(row["bucket"], row["chat"]), token, cursor, draft, *counted)
