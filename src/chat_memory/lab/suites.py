"""Suites: chosen by name, and run to their end or until a signal."""

import difflib
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import TypeVar

import anyio

from chat_memory.errors import ChatMemoryError
from chat_memory.lab.errors import UnknownSuiteError
from chat_memory.server.signals import answer_signals

Measured = TypeVar("Measured")


def choose(names: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the named suites in their order of running; all when none is named.

    Raises:
        UnknownSuiteError: one of them is none; the nearest is named.
    """
    for name in names:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise UnknownSuiteError(name=name, nearest=nearest, known=", ".join(known))
    return [name for name in known if name in names or not names]


async def run_or_stop(measure: Callable[[], Awaitable[Measured]]) -> Measured:
    """Run a suite to its end or until a signal; what went wrong by design leaves the task groups that wrap it.

    Raises:
        KeyboardInterrupt: a signal ended it.
    """
    measured: list[Measured] = []
    failures: list[ChatMemoryError] = []
    try:
        async with anyio.create_task_group() as group:
            await group.start(answer_signals, group.cancel_scope.cancel)
            measured.append(await measure())
            group.cancel_scope.cancel()
    except* ChatMemoryError as failed:
        failures = list(unwrap(failed))
    if failures:
        raise failures[0]
    if not measured:
        raise KeyboardInterrupt
    return measured[0]


def unwrap(group: BaseExceptionGroup[ChatMemoryError]) -> Iterator[ChatMemoryError]:
    """List the errors in a group, and in the groups in it."""
    for error in group.exceptions:
        if isinstance(error, ChatMemoryError):
            yield error
        else:
            yield from unwrap(error)
