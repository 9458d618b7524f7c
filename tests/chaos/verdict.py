"""The verdict: what the database holds, read in plain SQL, against what callers were told."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import anyio
import asyncpg

from tests.chaos.book import PATIENCE, Book, Write

LOOK_SECONDS = 0.1
OPEN = """
select coalesce(chat_id, encode(chat, 'hex')) as chat_id, head_seq, done_seq, lease_token, due_at - now() as due_in,
    attempts, lease_expiries, failed_at, last_error
from chat_memory.chat_work left join chat_memory.conversations using (bucket, chat)
where head_seq > done_seq or lease_token is not null or failed_at is not null or due_at is not null
"""
STALE = "select 1 from chat_memory.chat_work where refold_due_at is not null limit 1"
LEDGER = """
select coalesce(chat_id, 'nameless ' || encode(chat, 'hex')) as chat_id, seq, content, call_id
from chat_memory.turns left join chat_memory.conversations using (bucket, chat)
order by chat_id, seq
"""
CURSORS = """
select chat_id, coalesce(head_seq, 0) as head_seq, coalesce(done_seq, 0) as done_seq, coalesce(version, 0) as version
from chat_memory.conversations
left join chat_memory.chat_work using (bucket, chat)
left join chat_memory.chat_metadata using (bucket, chat)
"""
VERSIONS = """
select chat_id, version, from_seq, covers_seq, replaces_version, degraded
from chat_memory.memory_versions join chat_memory.conversations using (bucket, chat)
order by chat_id, from_seq, version
"""
RECEIPTS = """
select chat_id, idempotency_key, first_seq, last_seq
from chat_memory.receipts join chat_memory.conversations using (bucket, chat)
"""
TIMES = """
select table_name, column_name
from information_schema.columns
where table_schema = 'chat_memory' and data_type = 'timestamp with time zone' and table_name <> 'chat_context_queue'
order by table_name, column_name
"""


@dataclass(frozen=True, slots=True)
class Turned:
    """A turn of the ledger."""

    seq: int
    content: str
    call: object


async def until_folded(url: str, book: Book, seconds: float = PATIENCE) -> None:
    """Wait until nothing is pending, leased, failed or due; a chat that stays so is stuck."""
    rows: Sequence[asyncpg.Record] = []
    with anyio.move_on_after(seconds):
        while rows := await read(url, OPEN):  # noqa: ASYNC110 - a table rings no bell
            await anyio.sleep(LOOK_SECONDS)
        return
    book.violations += [f"stuck: {dict(row.items())}" for row in rows]


async def until_replaced(url: str, seconds: float = PATIENCE) -> None:
    """Wait until the model has looked again wherever extraction stood in for it."""
    with anyio.fail_after(seconds):
        while await read(url, STALE):  # noqa: ASYNC110 - a table rings no bell
            await anyio.sleep(LOOK_SECONDS)


async def judge(url: str, book: Book) -> None:
    """Compare the database with the book, once nothing writes any more; what does not fit is a violation."""
    ledger = {chat: [Turned(*row[1:]) for row in rows] for chat, rows in by_chat(await read(url, LEDGER))}
    versions = dict(by_chat(await read(url, VERSIONS)))
    for cursor in await read(url, CURSORS):
        chat = cursor["chat_id"]
        book.violations += judge_cursor(cursor, ledger.get(chat, []), versions.get(chat, []))
        book.counts["turns"] += len(ledger.get(chat, []))
        book.counts["versions"] += len(versions.get(chat, []))
        book.counts["degraded versions"] += sum(version["degraded"] for version in versions.get(chat, []))
        book.counts["versions replaced"] += sum(bool(version["replaces_version"]) for version in versions.get(chat, []))
    book.violations += [*judge_writes(book, ledger), *judge_keys(book, await read(url, RECEIPTS))]
    book.counts["chats"] += len(ledger)
    book.counts["outcomes unknown"] += sum(not write.span and not write.unwritten for write in book.writes)


def judge_cursor(cursor: asyncpg.Record, turns: Sequence[Turned], versions: Sequence[asyncpg.Record]) -> Iterator[str]:
    """Check one chat: its ledger has no gap, and its versions fold every turn up to the cursor once, in order."""
    chat, done = cursor["chat_id"], cursor["done_seq"]
    if [turn.seq for turn in turns] != list(range(1, cursor["head_seq"] + 1)):
        yield f"a gap: {chat} has turns {[turn.seq for turn in turns]} up to {cursor['head_seq']}"
    replaced = {version["replaces_version"] for version in versions}
    standing = [version for version in versions if version["version"] not in replaced]
    folded = [seq for version in standing for seq in range(version["from_seq"], version["covers_seq"] + 1)]
    if folded != list(range(1, done + 1)):
        yield f"folded twice or not at all: {chat} covers {done}, its versions {folded}"
    numbers = sorted(version["version"] for version in versions)
    if numbers != list(range(1, cursor["version"] + 1)):
        yield f"a version without memory, or memory without a version: {chat} is at {cursor['version']} of {numbers}"


def judge_writes(book: Book, ledger: dict[str, list[Turned]]) -> Iterator[str]:
    """Check every call: acknowledged ones stand once, where the receipt says; unknown ones whole or not at all."""
    places: defaultdict[tuple[str, str], list[Turned]] = defaultdict(list)
    for chat, turns in ledger.items():
        for turn in turns:
            places[chat, turn.content].append(turn)
    for write in book.writes:
        found = [turn for content in write.contents for turn in places.pop((write.chat_id, content), [])]
        yield from judge_write(write, found)
    yield from (f"nobody wrote this: {chat} {content!r}" for chat, content in places)


def judge_write(write: Write, found: list[Turned]) -> Iterator[str]:
    """Check one call against the turns that have its words."""
    seqs = [turn.seq for turn in found]
    if write.span is not None and seqs != list(range(write.span[0], write.span[1] + 1)):
        yield f"lost, doubled or moved: {write} stands at {seqs}"
    if write.span is None and seqs and (write.unwritten or seqs != list(range(seqs[0], seqs[0] + len(write.contents)))):
        yield f"written though refused, or in part: {write} stands at {seqs}"
    if len({turn.call for turn in found}) > 1:
        yield f"one call under two ids: {write} stands at {seqs}"


def judge_keys(book: Book, receipts: Sequence[asyncpg.Record]) -> Iterator[str]:
    """Check that every key is remembered with the receipt its caller got."""
    kept = {(row["chat_id"], row["idempotency_key"]): (row["first_seq"], row["last_seq"]) for row in receipts}
    for write in book.writes:
        if write.key and write.span is not None and kept.get((write.chat_id, write.key)) != write.span:
            yield f"a key without its receipt: {write} is kept as {kept.get((write.chat_id, write.key))}"


def by_chat(rows: Sequence[asyncpg.Record]) -> Iterator[tuple[str, list[asyncpg.Record]]]:
    """Group rows that are ordered by chat."""
    for chat, group in groupby(rows, key=lambda row: str(row["chat_id"])):
        yield chat, list(group)


async def foreign_times(url: str, since: Any, until: Any) -> list[str]:  # noqa: ANN401 - PostgreSQL's own time
    """Name the columns that hold a time outside of a span of the database's clock."""
    found: Counter[str] = Counter()
    for table, column in await read(url, TIMES):
        where = f'"{column}" not between $1 and $2'
        (row,) = await read(url, f'select count(*) from chat_memory."{table}" where {where}', since, until)  # noqa: S608
        found[f"{table}.{column}"] += row[0]
    return [name for name, count in found.items() if count]


async def read(url: str, query: str, *values: object) -> "list[asyncpg.Record]":
    """Read, on a connection of its own: the database may have been dead a moment ago."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(query, *values)
    finally:
        await connection.close()
