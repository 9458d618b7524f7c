"""What folds read and write, many chats of one bucket at a time: each step of many folds costs little more than one."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Self, TypeAlias
from uuid import UUID

import anyio

from chat_memory.errors import ChatMemoryError, DatabaseUnreachableError, LostLeaseError
from chat_memory.models import Change, Draft
from chat_memory.storage.bell import CHANNEL
from chat_memory.storage.chat_metadata import FACTS, StoredMemory, read_memory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Database, Record, Session
from chat_memory.storage.grouping import Groups
from chat_memory.storage.queries import load_queries
from chat_memory.storage.startings import Reading, Starting, read_starting

QUERIES = load_queries("folds")
GROUP_FOLDS = 200
"""Most chats of one statement."""
SHARE = 2
"""One in so many connections is the most that folds take, in turn: who writes or reads finds one free."""


@dataclass(frozen=True, slots=True)
class Next:
    """What a draft makes of the memory at version `base`: the next one, its size, and what changed."""

    base: int
    after: StoredMemory
    tokens: int
    change: Change


@dataclass(frozen=True, slots=True)
class Writing:
    """A fold on its way into the memory: its draft, what it makes, and how to make it anew of a newer memory."""

    claim: Claim
    draft: Draft
    next: Next
    again: Callable[[Session, StoredMemory], Awaitable[Next]]
    refold_delay: timedelta = timedelta()
    """How long after extraction stood in the model may look again."""


Written: TypeAlias = timedelta | Exception
"""How long the oldest turn of a fold had waited, or why nothing of it was written."""


@dataclass(slots=True)
class Folds:
    """The steps of folds on one database. What is asked for in the same moment is done in one statement."""

    db: Database
    _connections: anyio.CapacityLimiter = field(init=False)
    _reads: "Groups[Reading, Starting]" = field(init=False)
    _drafts: "Groups[tuple[Claim, Draft], bool]" = field(init=False)
    _writes: "Groups[Writing, Written]" = field(init=False)

    def __post_init__(self) -> None:
        """Group each step by itself."""
        self._connections = anyio.CapacityLimiter(max(1, self.db.pool.get_max_size() // SHARE))
        self._reads = Groups(self._read_group, GROUP_FOLDS)
        self._drafts = Groups(self._store_group, GROUP_FOLDS)
        self._writes = Groups(self._write_group, GROUP_FOLDS)

    async def read(self, readings: Sequence[Reading]) -> Sequence[Starting]:
        """Read what folds of one bucket start from."""
        return await self._reads.submit(readings[0].claim.key.bucket, readings)

    async def store_drafts(self, drafts: Sequence[tuple[Claim, Draft]]) -> Sequence[bool]:
        """Keep a summarizer's answers until they are written; False for each whose lease was lost."""
        return await self._drafts.submit(drafts[0][0].key.bucket, drafts) if drafts else []

    async def write(self, writings: Sequence[Writing]) -> Sequence[Written]:
        """Write memories, versions and cursors of one bucket in one transaction.

        Of each fold how long the oldest of its turns had waited, or why nothing of it was written: LostLeaseError when
        somebody else has the chat, RejectedDeltaError when the memory is newer now and refuses the draft.

        Raises:
            DatabaseUnreachableError: the outcome is unknown; the fence knows it.
        """
        return await self._writes.submit(writings[0].claim.key.bucket, writings) if writings else []

    async def _read_group(self, readings: Sequence[Reading]) -> Sequence[Starting]:
        async with self._connections:
            return await self.db.run(lambda session: read_starting(session, readings))

    async def _store_group(self, drafts: Sequence[tuple[Claim, Draft]]) -> Sequence[bool]:
        async with self._connections:
            return await self.db.run(lambda session: store_drafts(session, drafts))

    async def _write_group(self, writings: Sequence[Writing]) -> Sequence[Written]:
        async with self._connections:
            return await self._write(writings)

    async def _write(self, writings: Sequence[Writing]) -> Sequence[Written]:
        """Write what stands as it was read, and whatever else there is with a look first."""
        written: dict[tuple[bytes, UUID], timedelta] = {}
        ours = [writing for writing in writings if not writing.draft.degraded]  # others are planned for another look
        try:
            if ours:
                written = await self.db.commit(lambda session: write_unchanged(session, ours))
        except DatabaseUnreachableError:
            raise
        except ChatMemoryError:  # one of them cannot be written, and all stand as they did
            pass
        others = [writing for writing in writings if name_lease(writing.claim) not in written]
        looked = iter(await self._write_looking(others) if others else [])
        return [
            written[name] if (name := name_lease(writing.claim)) in written else next(looked) for writing in writings
        ]

    async def _write_looking(self, writings: Sequence[Writing]) -> Sequence[Written]:
        """Write a group in one transaction; when that fails, each alone: only the culprit fails."""
        try:
            return await self.db.transact(lambda session: write_folds(session, writings))
        except DatabaseUnreachableError:
            raise
        except Exception as error:  # noqa: BLE001 - also of a memory that nobody can read any more
            if len(writings) == 1:
                return [error]
            return [outcome for writing in writings for outcome in await self._write_looking([writing])]


async def store_drafts(session: Session, drafts: Sequence[tuple[Claim, Draft]]) -> list[bool]:
    """Keep answers until they are written; False for each whose lease was lost."""
    ordered = sorted(drafts, key=lambda item: item[0].key)
    texts, ends = [draft.model_dump_json() for _, draft in ordered], [draft.upto_seq for _, draft in ordered]
    rows = await session.fetch(QUERIES["store_drafts"], *_leases([claim for claim, _ in ordered]), texts, ends)
    held = {(row["chat"], row["lease_token"]) for row in rows}
    return [(claim.key.chat, claim.token) in held for claim, _ in drafts]


async def write_unchanged(session: Session, writings: Sequence[Writing]) -> dict[tuple[bytes, UUID], timedelta]:
    """Write folds of one bucket whose lease stands and whose memory is the one they were checked against.

    Of each that was written how long its oldest turn had waited; of the others nothing was written.
    """
    ordered = sorted(writings, key=lambda item: item.claim.key)
    rows = await session.fetch(
        QUERIES["write_unchanged"],
        *_leases([writing.claim for writing in ordered]),
        *_memories(ordered),
        *_versions(ordered),
        session.drift,
        CHANNEL,
    )
    return _waits(rows)


async def write_folds(session: Session, writings: Sequence[Writing]) -> list[Written]:
    """Write folds of one bucket under their locks, those whose lease still stands.

    Raises:
        RejectedDeltaError: a memory is newer than one of the drafts, which cannot be admitted to it.
    """
    ordered = sorted(writings, key=lambda item: item.claim.key)
    versions = await hold_leases(session, [writing.claim for writing in ordered])
    held = [(writing, versions[name]) for writing in ordered if (name := name_lease(writing.claim)) in versions]
    if not held:
        return [LostLeaseError() for _ in writings]
    ready = [item if version == item.next.base else await _make_again(session, item) for item, version in held]
    await write_memories(session, ready)
    await keep_versions(session, ready)
    waits = await finish_folds(session, [Finish.of(writing) for writing in ready])
    await plan_refolds(session, [writing for writing in ready if writing.draft.degraded])
    return [waits.get(name_lease(writing.claim), LostLeaseError()) for writing in writings]


async def hold_leases(session: Session, claims: Sequence[Claim]) -> dict[tuple[bytes, UUID], int]:
    """Lock the chats of claims, sorted by key, that still stand: the fence. Of each the version its memory has now."""
    held = await session.fetch(QUERIES["hold_leases"], *_leases(claims))
    rows = await session.fetch(QUERIES["read_numbers"], *_chats(claims)) if held else []
    numbers: dict[bytes, int] = {row["chat"]: row["version"] for row in rows}
    return {(row["chat"], row["token"]): numbers.get(row["chat"], 0) for row in held}


async def _make_again(session: Session, writing: Writing) -> Writing:
    """The memory is another than the draft was checked against: check it against this one."""
    stored = await read_memory(session, writing.claim.key)
    return replace(writing, next=await writing.again(session, stored))


async def write_memories(session: Session, writings: Sequence[Writing]) -> None:
    """Put the next memories in the place of the last."""
    chats = _chats([writing.claim for writing in writings])
    await session.execute(QUERIES["write_memories"], *chats, *_memories(writings), session.drift)


async def keep_versions(session: Session, writings: Sequence[Writing]) -> None:
    """Keep each version beside the memory it became."""
    chats = _chats([writing.claim for writing in writings])
    numbers = [writing.next.after.version for writing in writings]
    await session.execute(QUERIES["keep_versions"], *chats, numbers, *_versions(writings), session.drift)


def _memories(writings: Sequence[Writing]) -> tuple[object, ...]:
    """Line up what the memories become, column by column."""
    after = [writing.next.after for writing in writings]
    return (
        [FACTS.dump_json(stored.memory.user_confirmed).decode() for stored in after],
        [FACTS.dump_json(stored.memory.llm_inferred).decode() for stored in after],
        [stored.memory.general_summary for stored in after],
        [writing.next.tokens for writing in writings],
        [stored.version for stored in after],
        [stored.degraded for stored in after],
    )


def _versions(writings: Sequence[Writing]) -> tuple[object, ...]:
    """Line up what versions keep beside their number, column by column."""
    drafts = [writing.draft for writing in writings]
    return (
        [writing.claim.cursor.done_seq + 1 for writing in writings],
        [draft.upto_seq for draft in drafts],
        [writing.next.change.model_dump_json() for writing in writings],
        [writing.next.after.memory.model_dump_json() for writing in writings],
        [draft.summarizer for draft in drafts],
        [draft.model for draft in drafts],
        [draft.usage.tokens_in for draft in drafts],
        [draft.usage.tokens_out for draft in drafts],
        [draft.usage.tokens_cached for draft in drafts],
        [draft.usage.cost_usd for draft in drafts],
        [draft.degraded for draft in drafts],
        [str(draft.counting) for draft in drafts],
    )


async def finish_folds(session: Session, finishes: "Sequence[Finish]") -> dict[tuple[bytes, UUID], timedelta]:
    """Move the cursors, give the leases up, ring, and tell of each lease how long its oldest turn had waited."""
    rows = await session.fetch(
        QUERIES["finish_folds"],
        *_leases([finish.claim for finish in finishes]),
        [finish.covers_seq for finish in finishes],
        [finish.degraded for finish in finishes],
        session.drift,
        CHANNEL,
    )
    return _waits(rows)


def _waits(rows: Sequence[Record]) -> dict[tuple[bytes, UUID], timedelta]:
    return {(row["chat"], row["token"]): row["waited"] or timedelta() for row in rows}


async def plan_refolds(session: Session, degraded: Sequence[Writing]) -> None:
    """Have the model look again at what extraction folded now."""
    if degraded:
        values = (*_chats([writing.claim for writing in degraded]), degraded[0].refold_delay, session.drift)
        await session.execute(QUERIES["plan_refolds"], *values)


@dataclass(frozen=True, slots=True)
class Finish:
    """Where a fold leaves its chat's cursor."""

    claim: Claim
    covers_seq: int
    degraded: bool = False

    @classmethod
    def of(cls, writing: Writing) -> Self:
        """Finish what is written."""
        return cls(writing.claim, writing.draft.upto_seq, writing.draft.degraded)


def name_lease(claim: Claim) -> tuple[bytes, UUID]:
    """Name a lease: a chat may be in the hands of two for a moment, one of them too late."""
    return claim.key.chat, claim.token


def _chats(claims: Sequence[Claim]) -> tuple[int, list[bytes]]:
    return claims[0].key.bucket, [claim.key.chat for claim in claims]


def _leases(claims: Sequence[Claim]) -> tuple[int, list[bytes], list[UUID]]:
    return *_chats(claims), [claim.token for claim in claims]
