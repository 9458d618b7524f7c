"""The way into the ledger: calls from everywhere in the process are written in groups, each exactly once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from uuid import UUID

import anyio

from chat_memory.errors import DatabaseError, IdempotencyConflictError, LedgerBusyError
from chat_memory.models import ChatKey
from chat_memory.storage import chat_work, conversations, turns
from chat_memory.storage.bell import CHANNEL
from chat_memory.storage.chat_work import Cursor, hash_owner
from chat_memory.storage.database import Database, Record, Session, retried
from chat_memory.storage.grouping import Grouper
from chat_memory.storage.queries import load_queries
from chat_memory.storage.receipts import Span
from chat_memory.storage.turns import Call

QUERIES = load_queries("ledger")
GROUP_CALLS = 500
"""Most calls of one group: from here on a larger one is no faster for each."""
LEADERS = 2
"""Most groups under way: one in the database, one being made ready. A third only waits for the same processors."""
GROUP_BYTES = 4 * 1024 * 1024
"""Most content of one group: other statements want the connection's time too."""
BUFFER_BYTES = 64 * 1024 * 1024
"""Most content that may wait in this process: more comes in than the database takes, and memory is not endless."""
CALL_OVERHEAD = 512
"""What a call weighs beyond its content, bytes: so that small ones are bounded too."""
BUSY_SECONDS = 1.0
"""When to come again, told to whom the buffer has no room for."""


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a call's turns stand, committed: their seqs, the chat's head, what is pending, and the database's time."""

    span: Span
    head_seq: int
    pending: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Debounce:
    """How long a chat's new turns wait for more before they are folded, and how long the oldest may wait in all."""

    quiet: timedelta = timedelta()
    longest: timedelta = timedelta()


@dataclass(slots=True)
class Ledger:
    """Appends calls. What arrives while a commit is under way shares the next one."""

    db: Database
    debounce: Debounce = field(default_factory=Debounce)
    _grouper: Grouper[Call, Appended | None] = field(init=False)
    _held_up: dict[ChatKey, anyio.Lock] = field(default_factory=dict[ChatKey, anyio.Lock])

    def __post_init__(self) -> None:
        """Group what is appended."""
        self._grouper = Grouper(
            self._append_group, GROUP_CALLS, weigh, GROUP_BYTES, leaders=LEADERS, name_of=attrgetter("key.chat")
        )

    async def append(self, call: Call) -> Appended:
        """Write a call's turns durably, exactly once, and ring the bell. Returns after the commit.

        Cancellation does not reach it: a write that began is answered or fails, never half told. After a broken
        connection the outcome is looked up by the call's id.

        Raises:
            LedgerBusyError: too much waits already; nothing was written.
            IdempotencyConflictError: the call's key came before with another body; nothing was written.
            DatabaseUnreachableError: nobody answers; send the call again with an idempotency key to be sure.
        """
        if self._grouper.size + weigh(call) > BUFFER_BYTES:
            raise LedgerBusyError(seconds=BUSY_SECONDS)
        try:
            appended = await self._grouper.submit(call)
        except DatabaseError:
            return await self._append_alone(call, unknown=True)
        return appended or await self._append_alone(call, unknown=False)

    async def _append_group(self, calls: Sequence[Call]) -> list[Appended | None]:
        """Append a group in one commit. None for a call that must wait for its chat, or be told of a conflict."""
        group = sorted(calls, key=attrgetter("key"))
        if any(call.idempotency_key for call in calls):
            found = await self.db.transact(lambda session: self._find_and_append(session, group))
        else:
            found = await self.db.commit(lambda session: append_calls(session, group, self.debounce))
        return [found.get(call.call_id) for call in calls]

    async def _find_and_append(self, session: Session, group: Sequence[Call]) -> dict[UUID, Appended]:
        """Look before writing: what came before is answered again, twins and chats that are busy or new go alone."""
        held = await lock_calls(session, group)
        found = await find_receipts(session, [call for call in group if call.key in held])
        asked = set[tuple[ChatKey, str]]()
        fresh: list[Call] = []
        for call in group:
            name = (call.key, call.idempotency_key)
            if not call.idempotency_key or (call.key in held and call.call_id not in found and name not in asked):
                fresh.append(call)
            asked.add(name)
        known = {call_id: appended for call_id, appended in found.items() if appended is not None}
        return known | await append_calls(session, fresh, self.debounce)

    async def _append_alone(self, call: Call, *, unknown: bool) -> Appended:
        """Wait for the chat as long as it takes others to let it go; `unknown` when it may be written already."""
        lock = self._held_up.setdefault(call.key, anyio.Lock())
        try:
            with anyio.CancelScope(shield=True):
                async with lock:  # one connection per chat that is held up, however many write to it
                    return await retried(
                        lambda tries: self.db.transact(
                            lambda session: self._wait_and_append(session, call, unknown=unknown or tries > 0)
                        )
                    )
        finally:
            if not lock.statistics().tasks_waiting:
                self._held_up.pop(call.key, None)
        raise AssertionError  # the block above returns or raises

    async def _wait_and_append(self, session: Session, call: Call, *, unknown: bool) -> Appended:
        """Lock the chat, look, and only then write: no twin and no lost call of ours can be under way any more."""
        cursor = await _lock_or_begin(session, call)
        receipts = await find_receipts(session, [call])
        if (known := receipts.get(call.call_id)) is not None:
            return known
        if call.call_id in receipts:
            raise IdempotencyConflictError(key=call.idempotency_key)
        span = await turns.find_call(session, call.key, call.call_id) if unknown else None
        if span is not None:
            at = await session.connection.fetchval("select now() + $1::interval", session.drift)
            return Appended(Span(*span), cursor.head_seq, cursor.head_seq - cursor.done_seq, at)
        return (await append_calls(session, [call], self.debounce))[call.call_id]


async def _lock_or_begin(session: Session, call: Call) -> Cursor:
    while True:
        cursor = await chat_work.lock_chat(session, call.key, call.owner)
        if cursor is not None:
            return cursor
        if await chat_work.open_chat(session, call.key, call.owner):
            await conversations.begin_conversation(session, call.key, call.owner, call.chat_id)
            return Cursor(0, 0)


async def append_calls(session: Session, calls: Sequence[Call], debounce: Debounce) -> dict[UUID, Appended]:
    """Write calls, sorted by chat, in one statement; those of a chat that somebody else holds are left out.

    Nothing is looked up: whoever might have written a call before looks first, under the chat's lock.
    """
    chats = [(key, list(of_chat)) for key, of_chat in groupby(calls, key=attrgetter("key"))]
    firsts = [of_chat[0] for _, of_chat in chats]
    spans = {call.call_id: span for _, of_chat in chats for call, span in number_calls(of_chat)}
    items = [
        (place, number, turn, call)
        for place, (_, of_chat) in enumerate(chats, 1)
        for call in of_chat
        for number, turn in enumerate(call.turns, spans[call.call_id].first_seq)
    ]
    keyed = [(place, call) for place, (_, of_chat) in enumerate(chats, 1) for call in of_chat if call.idempotency_key]
    rows = await session.fetch(
        QUERIES["append_calls"],
        [call.key.bucket for call in firsts],
        [call.key.chat for call in firsts],
        [hash_owner(call.owner) for call in firsts],
        [call.owner for call in firsts],
        [call.chat_id for call in firsts],
        [sum(len(call.turns) for call in of_chat) for _, of_chat in chats],
        [place for place, _, _, _ in items],
        [number for _, number, _, _ in items],
        [turn.role for _, _, turn, _ in items],
        [turn.attested for _, _, turn, _ in items],
        [turn.content for _, _, turn, _ in items],
        [call.call_id for _, _, _, call in items],
        [call.source for _, _, _, call in items],
        [place for place, _ in keyed],
        [call.idempotency_key for _, call in keyed],
        [call.request_hash for _, call in keyed],
        [spans[call.call_id].first_seq for _, call in keyed],
        [spans[call.call_id].last_seq for _, call in keyed],
        session.drift,
        debounce.quiet,
        debounce.longest,
        CHANNEL,
    )
    appended: dict[UUID, Appended] = {}
    for row in rows:
        place: int = row["place"]
        _, of_chat = chats[place - 1]
        turns_of_chat = spans[of_chat[-1].call_id].last_seq
        appended.update({call.call_id: _appended(row, spans[call.call_id], turns_of_chat) for call in of_chat})
    return appended


def number_calls(calls: Iterable[Call]) -> Iterator[tuple[Call, Span]]:
    """Number the turns of one chat's calls, from 1 for the first turn of the first."""
    last = 0
    for call in calls:
        yield call, Span(last + 1, last + len(call.turns))
        last += len(call.turns)


async def lock_calls(session: Session, calls: Sequence[Call]) -> set[ChatKey]:
    """Lock the chats of calls, sorted by chat, for this transaction; those that are new, or busy, are left out."""
    keys = [key for key, _ in groupby(calls, key=attrgetter("key"))]
    rows = await session.fetch(QUERIES["lock_calls"], [key.bucket for key in keys], [key.chat for key in keys])
    return {ChatKey(row["bucket"], row["chat"]) for row in rows}


async def find_receipts(session: Session, calls: Sequence[Call]) -> dict[UUID, Appended | None]:
    """Find, by call id, what the calls' keys were answered with before: None where a key came with another body."""
    keyed = [call for call in calls if call.idempotency_key]
    if not keyed:
        return {}
    columns = ([call.key.bucket for call in keyed], [call.key.chat for call in keyed])
    keys = [call.idempotency_key for call in keyed]
    rows = await session.fetch(QUERIES["find_receipts"], list(range(len(keyed))), *columns, keys, session.drift)
    found: dict[int, Record] = {row["place"]: row for row in rows}
    return {call.call_id: _answer(found[place], call) for place, call in enumerate(keyed) if place in found}


def weigh(call: Call) -> int:
    """Count what a call takes of the buffer, bytes, rather too few for text that is not ASCII."""
    return CALL_OVERHEAD + sum(len(turn.content) for turn in call.turns)


def _appended(row: Record, span: Span, turns_of_chat: int) -> Appended:
    base, head = row["base"], row["base"] + turns_of_chat
    return Appended(Span(base + span.first_seq, base + span.last_seq), head, head - row["done_seq"], row["at"])


def _answer(row: Record, call: Call) -> Appended | None:
    if row["request_hash"] != call.request_hash:
        return None
    span = Span(row["first_seq"], row["last_seq"])
    return Appended(span, row["head_seq"], row["head_seq"] - row["done_seq"], row["at"])
