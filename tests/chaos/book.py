"""What callers were told, call by call: the half of every check that the ledger must agree with."""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from string import Formatter

import anyio

from chat_memory import errors
from chat_memory.errors import ChatBusyError, ChatMemoryError, DatabaseError, EmbeddedServerError, RefusedStatementError

PATIENCE = 60.0
"""Seconds until progress that must come counts as lost: never reached when the product works."""
LOOK_SECONDS = 0.02
"""Pause between two looks at something that rings no bell."""
WEATHER = (DatabaseError, EmbeddedServerError)
"""What a caller may be told while the database is being broken; anything else no fault of ours explains."""
UNWRITTEN = (ChatBusyError, RefusedStatementError)
"""These say that nothing was written, so nothing may have been."""


@dataclass(slots=True, eq=False)
class Write:
    """One call of update_memory: what it sent, and what it knows of its outcome."""

    chat_id: str
    contents: tuple[str, ...]
    key: str = ""
    tries: int = 0
    span: tuple[int, int] | None = None
    """First and last seq, as the receipt says; None: refused, or the outcome is unknown."""
    unwritten: bool = False
    """The caller was told that nothing was written."""


@dataclass(slots=True)
class Book:
    """Everything that was sent and answered in one scene, and everything that went wrong in it."""

    writes: list[Write] = field(default_factory=list[Write])
    counts: Counter[str] = field(default_factory=Counter[str])
    errors: Counter[str] = field(default_factory=Counter[str])
    """How often callers were refused, by the name of the error."""
    violations: list[str] = field(default_factory=list[str])
    closing: bool = False
    """No new writes: settle what is open and leave."""
    heads: Counter[str] = field(default_factory=Counter[str])
    """The highest acknowledged seq of each chat: what no later read may lack."""
    _news: anyio.Event = field(default_factory=anyio.Event)

    def open(self, chat_id: str, contents: tuple[str, ...], key: str = "") -> Write:
        """Note what is about to be sent."""
        write = Write(chat_id, contents, key)
        self.writes.append(write)
        return write

    def acknowledge(self, write: Write, first_seq: int, last_seq: int) -> None:
        """Note a receipt."""
        span = (first_seq, last_seq)
        if write.span not in (None, span):
            self.violations.append(f"one key, two receipts: {write.chat_id} {write.span} and {span}")
        if last_seq - first_seq + 1 != len(write.contents):
            self.violations.append(f"a receipt for another number of turns: {write.chat_id} {span}")
        write.span = span
        self.counts["appends acknowledged"] += 1
        self.heads[write.chat_id] = max(self.heads[write.chat_id], last_seq)
        self._news.set()
        self._news = anyio.Event()

    def refuse(self, text: str, expected: tuple[type[ChatMemoryError], ...] = WEATHER) -> type[ChatMemoryError] | None:
        """Note what a caller was told instead of an answer, by name."""
        kind = name_error(text)
        self.errors[kind.__name__ if kind else "nameless"] += 1
        if kind is None or not issubclass(kind, expected):
            self.violations.append(f"a caller was told: {text}")
        return kind

    def refuse_write(self, write: Write, text: str) -> None:
        """Note what a writer was told instead of a receipt."""
        kind = self.refuse(text)
        write.unwritten = not write.key and kind is not None and issubclass(kind, UNWRITTEN)

    async def progress(self, receipts: int) -> None:
        """Wait for so many more receipts: faults come in the middle of work, however slow the machine is."""
        with anyio.fail_after(PATIENCE):
            for _ in range(receipts):
                await self._news.wait()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what rings no bell: a file, another thread, another process."""
    with anyio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - as it says
            await anyio.sleep(LOOK_SECONDS)


def name_error(text: str) -> type[ChatMemoryError] | None:
    """Find the error of ours whose message this is; None: no caller should ever read it."""
    for kind, pattern in PATTERNS.items():
        if pattern.fullmatch(text):
            return kind
    return None


def _kinds(kind: type[ChatMemoryError]) -> Iterator[type[ChatMemoryError]]:
    for child in kind.__subclasses__():
        yield from _kinds(child)
    yield kind


def _pattern(kind: type[ChatMemoryError]) -> re.Pattern[str]:
    parts = Formatter().parse(inspect.cleandoc(kind.__doc__ or ""))
    return re.compile(
        "".join(re.escape(said) + (".*" if name is not None else "") for said, name, *_ in parts), re.DOTALL
    )


PATTERNS = {kind: _pattern(kind) for kind in _kinds(errors.ChatMemoryError)}
