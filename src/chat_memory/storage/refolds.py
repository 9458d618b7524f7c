"""What re-folds read and write: a version that extraction made gives way to the model's, and the cursor stays."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from chat_memory.errors import LostLeaseError
from chat_memory.models import Change, ChatKey, Draft, Memory, Provisional
from chat_memory.storage import bell, chat_metadata, folds
from chat_memory.storage.bell import Ring
from chat_memory.storage.chat_work import Claim, Cursor, read_draft
from chat_memory.storage.database import Database, Session, retried
from chat_memory.storage.failures import BATCH
from chat_memory.storage.folds import Writing, name_lease
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("refolds")


async def find_refold_buckets(session: Session, limit: int) -> list[int]:
    """List the buckets with chats that wait for another look, those that wait longest first."""
    rows = await session.fetch(QUERIES["find_refold_buckets"], session.drift, limit)
    return [row["bucket"] for row in rows]


async def claim_refolds(
    session: Session, bucket: int, limit: int, lease: timedelta, token: UUID, max_attempts: int
) -> list[Claim]:
    """Claim up to `limit` chats of one bucket for another look. `draft` and `attempts` are those of the re-fold."""
    values = (bucket, limit, token, lease, session.drift, max_attempts)
    rows = await session.fetch(QUERIES["claim_refolds"], *values)
    return [
        Claim(
            ChatKey(row["bucket"], row["chat"]),
            token,
            Cursor(row["head_seq"], row["done_seq"]),
            read_draft(row["refold_draft"]),
            row["refold_attempts"],
            0,
        )
        for row in rows
    ]


async def hand_back_refolds(session: Session, bucket: int, token: UUID) -> int:
    """Give up whatever a claim got whose answer was lost; how many chats that were."""
    return await session.execute(QUERIES["hand_back_refolds"], bucket, token, session.drift)


async def find_provisional(session: Session, key: ChatKey) -> Provisional | None:
    """Find the oldest version of a chat that the model has yet to replace."""
    row = await session.fetch_row(QUERIES["find_provisional"], *key)
    if row is None:
        return None
    return Provisional(
        row["version"],
        row["from_seq"],
        row["covers_seq"],
        Change.model_validate_json(row["delta"]),
        Memory.model_validate_json(row["before"]) if row["before"] else Memory(),
        Memory.model_validate_json(row["memory"]),
    )


async def store_refold_draft(session: Session, claim: Claim, draft: Draft) -> bool:
    """Keep an answer until it is written; False when the lease was lost."""
    values = (*claim.key, claim.token, draft.model_dump_json())
    return await session.execute(QUERIES["store_refold_draft"], *values) == 1


async def write_refold(session: Session, writing: Writing, provisional: Provisional) -> None:
    """Write a version in the place of another: fence, memory, version and cursor in one transaction.

    Raises:
        LostLeaseError: somebody else has the chat; nothing was written.
        RejectedDeltaError: the memory is newer now, and nothing of the draft can be admitted to it.
    """
    claim = writing.claim
    held = await folds.hold_leases(session, [claim])
    if name_lease(claim) not in held:
        raise LostLeaseError
    if held[name_lease(claim)] != writing.next.base:
        stored = await chat_metadata.read_memory(session, claim.key)
        writing = replace(writing, next=await writing.again(session, stored))
    await _keep_replacement(session, writing, provisional)
    rest = await _find_remaining(session, claim.key)
    after = replace(writing.next.after, degraded=rest is not None)
    await folds.write_memories(session, [replace(writing, next=replace(writing.next, after=after))])
    await finish_refold(session, claim, rest)
    await bell.ring(session, Ring(claim.key, grew=False))


async def _keep_replacement(session: Session, writing: Writing, provisional: Provisional) -> None:
    draft, after = writing.draft, writing.next.after
    await session.execute(
        QUERIES["keep_replacement"],
        *writing.claim.key,
        after.version,
        provisional.from_seq,
        provisional.covers_seq,
        provisional.version,
        writing.next.change.model_dump_json(),
        after.memory.model_dump_json(),
        draft.summarizer,
        draft.model,
        draft.usage.tokens_in,
        draft.usage.tokens_out,
        draft.usage.tokens_cached,
        draft.usage.cost_usd,
        draft.degraded,
        session.drift,
        str(draft.counting),
    )


async def _find_remaining(session: Session, key: ChatKey) -> int | None:
    row = await session.fetch_row(QUERIES["find_remaining"], *key)
    return row["refold_from"] if row else None


async def finish_refold(session: Session, claim: Claim, refold_from: int | None) -> None:
    """Give the lease up; `refold_from` is where the turns begin that the model has yet to look at.

    Raises:
        LostLeaseError: somebody else has the chat.
    """
    values = (*claim.key, claim.token, refold_from, session.drift)
    if await session.fetch_row(QUERIES["finish_refold"], *values) is None:
        raise LostLeaseError


async def hand_back_refold(session: Session, claim: Claim) -> bool:
    """Give a claim up uncounted, draft kept; False when it was lost already."""
    return await session.fetch_row(QUERIES["hand_back_refold"], *claim.key, claim.token, session.drift) is not None


async def fail_refold(session: Session, claim: Claim, backoff: timedelta) -> bool:
    """Give a claim up that failed; True when that was the last try and the version stays as it is."""
    row = await session.fetch_row(QUERIES["fail_refold"], *claim.key, claim.token, backoff, session.drift)
    return row is not None and row["refold_due_at"] is None


async def redrive_refolds(db: Database, keys: Sequence[ChatKey] | None) -> set[ChatKey]:
    """Let the model look again at these chats, every one for None, where it could not; return which those were."""
    if keys is None:
        rows = await db.run(lambda session: session.fetch(QUERIES["find_stale_buckets"]))
        named: dict[int, list[bytes] | None] = {row["bucket"]: None for row in rows}
    else:
        named = {key.bucket: [other.chat for other in keys if other.bucket == key.bucket] for key in keys}
    redriven: set[ChatKey] = set()
    for bucket, chats in sorted(named.items()):
        redriven |= await _redrive(db, bucket, chats)
    return redriven


async def _redrive(db: Database, bucket: int, chats: list[bytes] | None) -> set[ChatKey]:
    redriven: set[ChatKey] = set()

    async def make_due(session: Session) -> set[ChatKey]:
        rows = await session.fetch(QUERIES["redrive_refolds"], bucket, chats, BATCH, session.drift)
        keys = {ChatKey(row["bucket"], row["chat"]) for row in rows}
        if keys:
            await bell.ring(session, Ring(min(keys), grew=True))  # any ring wakes every worker
        return keys

    while True:
        made_due = await retried(lambda _: db.transact(make_due))
        if made_due <= redriven:
            return redriven
        redriven |= made_due
