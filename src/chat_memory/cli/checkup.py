"""What doctor looks at, in order: each look ends in a line, and an error in the line that was due."""

import platform
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import perf_counter
from typing import NamedTuple
from uuid import uuid4

import anyio

from chat_memory.errors import ChatMemoryError, DatabaseError, FailedChatsError, ProbeFailedError
from chat_memory.models import Caller, Memory, Message, Turn
from chat_memory.prompts.choice import describe_choice
from chat_memory.prompts.summarizer import FoldRequest
from chat_memory.server.app import Opened, compose, database_source
from chat_memory.settings import Settings, xdg_data_home
from chat_memory.storage import chat_work
from chat_memory.storage.bell import Bell
from chat_memory.storage.database import Database, open_database
from chat_memory.storage.embedded import default_data_dir
from chat_memory.storage.faults import describe_url
from chat_memory.storage.fitness import ServerFacts, read_server_facts, refuse_unfit_server
from chat_memory.storage.migrations import migrate, read_schema_number
from chat_memory.tools.budget import refuse_beyond_budget
from chat_memory.tools.forget import forget
from chat_memory.tools.get_memory import read_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

LINES = ("Python", "Database", "Durability", "Migrations", "Bell", "Summarizer", "Work", "Probe")
PROBE_TEXT = "This is doctor's probe."
PROBE_TURN = Turn(1, "user", attested=True, content=PROBE_TEXT, created_at=datetime(2026, 1, 1, tzinfo=UTC))
POLL_SECONDS = 0.02
"""How often the probe looks whether another process folded it: doctor does not listen to the bell."""


class Finding(NamedTuple):
    """One line of the diagnosis; `healthy` is None for what could not be checked."""

    name: str
    text: str
    healthy: bool | None


class Chart:
    """The lines of a diagnosis, filled from the top."""

    def __init__(self, report: Callable[[Finding], None]) -> None:
        """Report every line as soon as it is known."""
        self._report = report
        self._due = iter(LINES)

    def add(self, text: str, *, healthy: bool = True) -> None:
        """Fill the line that is due."""
        self._report(Finding(next(self._due), text, healthy))

    def close(self) -> None:
        """Say of the lines left that they were not checked."""
        for name in self._due:
            self._report(Finding(name, "not checked", None))


async def examine(settings: Settings, report: Callable[[Finding], None]) -> None:
    """Look at everything; the first thing that cannot be used ends the looking, and its error says what to do."""
    chart = Chart(report)
    chart.add(f"{platform.python_version()}, {sys.executable}")
    try:
        await examine_database(settings, chart)
    except ChatMemoryError as error:
        chart.add(str(error), healthy=False)
    chart.close()


async def examine_database(settings: Settings, chart: Chart) -> None:
    """Open the database as a server does, migrate it as a server does, and take a chat through its life."""
    async with (
        database_source(settings) as (url, revive),
        open_database(url, pool_size=2, revive=revive, prepared=settings.prepared_statements) as db,
    ):
        facts = await read_server_facts(db)
        chart.add(f"PostgreSQL {facts.version}, {describe_place(settings)}{', a pooler' if db.pooled else ''}")
        refuse_unfit_server(facts, allow_unsafe=settings.allow_unsafe_durability)
        chart.add(describe_durability(facts))
        chart.add(await describe_migrations(db))
        await examine_bell(settings.listen_url or url, db, chart)
        watchful = settings.model_copy(update={"poll_seconds": POLL_SECONDS, "worker": False})
        async with compose(watchful, db, Bell(), facts) as opened:
            await examine_summarizer(opened.box, chart)
            await count_work(db, chart)
            chart.add(await probe(opened))


def describe_place(settings: Settings) -> str:
    """Say where the database is, without a password."""
    if settings.database_url:
        return f"at {describe_url(settings.database_url)}"
    return f"embedded, in {settings.data_dir or default_data_dir(xdg_data_home())}"


def describe_durability(facts: ServerFacts) -> str:
    """Name the settings a commit depends on."""
    named = ", ".join(f"{name} {value}" for name, value in facts.settings.items())
    allowed = "off" in facts.settings.values()
    return f"{named}: allowed by CHAT_MEMORY_ALLOW_UNSAFE_DURABILITY, writes may be lost" if allowed else named


async def describe_migrations(db: Database) -> str:
    """Bring the schema up to date and say where it stands."""
    applied = await migrate(db)
    number = await read_schema_number(db)
    return f"up to date ({number})" + (f", {len(applied)} applied just now" if applied else "")


async def examine_bell(url: str, db: Database, chart: Chart) -> None:
    """Listen for one notification of our own: red when it does not come, though polling finds everything."""
    start = perf_counter()
    try:
        await Bell().prove(url, db)
    except DatabaseError as error:
        chart.add(str(error), healthy=False)
    else:
        chart.add(f"heard at {describe_url(url)} after {(perf_counter() - start) * 1000:.1f} ms")


async def examine_summarizer(box: Toolbox, chart: Chart) -> None:
    """Say who folds, and ask a model one small question: red when it cannot answer, though extraction steps in."""
    said = describe_choice(box.settings)
    if box.fallback is None:
        chart.add(said)
        return
    try:
        spent = await refuse_beyond_budget(box)
        start = perf_counter()
        usage = (await box.summarizer.fold(FoldRequest(Memory(), 0, [PROBE_TURN], box.settings.memory_tokens))).usage
    except ChatMemoryError as error:
        chart.add(f"{said} {error}", healthy=False)
        return
    took = f"{perf_counter() - start:.1f} s, {usage.tokens_in} tokens in and {usage.tokens_out} out"
    chart.add(f"{said} It answered in {took}; {spent + usage.cost_usd:.6f} USD spent today")


async def count_work(db: Database, chart: Chart) -> None:
    """Count the chats in work; failed ones need somebody's help."""
    counts = await db.run(chat_work.count_work)
    text = f"{counts.due} chats due, {counts.leased} leased, {counts.failed} failed"
    chart.add(str(FailedChatsError(counts=text)) if counts.failed else text, healthy=not counts.failed)


async def probe(opened: Opened) -> str:
    """Write a chat, fold it, read it and forget it, and say how long each took."""
    times: list[str] = []
    caller, chat_id = Caller(opened.owner), f"doctor {uuid4()}"
    async with forgotten(opened, caller, chat_id, times):
        with timed("written", times):
            await update_memory(opened.box, caller, chat_id, [Message(role="user", content=PROBE_TEXT)])
        with timed("folded", times):
            await summarize(opened.box, caller, chat_id)
        with timed("read", times):
            reply = await read_memory(opened.box, caller, chat_id)
        if reply.pending or not reply.version:
            raise ProbeFailedError(version=reply.version, pending=reply.pending)
    return f"a chat {', '.join(times)}"


@asynccontextmanager
async def forgotten(opened: Opened, caller: Caller, chat_id: str, times: list[str]) -> AsyncGenerator[None]:
    """Forget the chat at the end, whatever happens."""
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True), timed("forgotten", times):
            await forget(opened.box, caller, chat_id)


class timed:  # noqa: N801 - reads as a word at its place of use
    """Note what was done in the block, and its milliseconds."""

    def __init__(self, verb: str, times: list[str]) -> None:
        """Write to `times`."""
        self.verb = verb
        self.times = times
        self.start = 0.0

    def __enter__(self) -> None:
        """Begin."""
        self.start = perf_counter()

    def __exit__(self, *_: object) -> None:
        """Note it."""
        self.times.append(f"{self.verb} {(perf_counter() - self.start) * 1000:.1f} ms")
