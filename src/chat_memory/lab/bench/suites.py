"""The suites by name, and a run of some of them."""

import difflib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeAlias

import anyio

from chat_memory.errors import ChatMemoryError
from chat_memory.lab.bench import append, chats, commit_floor, drain, peers, transport, visible
from chat_memory.lab.bench.ground import Ground, Numbers
from chat_memory.lab.errors import UnknownSuiteError
from chat_memory.server.signals import answer_signals

Measure: TypeAlias = Callable[[Ground], Awaitable[Numbers]]


@dataclass(frozen=True, slots=True)
class Suite:
    """What is measured, on which event loop: each side has the one it runs on in service."""

    measure: Measure
    uvloop: bool = False


SUITES = {
    "commit_floor": Suite(commit_floor.measure),
    "append": Suite(append.measure),
    "drain": Suite(drain.measure),
    "peers": Suite(peers.measure, uvloop=True),
    "visible": Suite(visible.measure),
    "chats": Suite(chats.measure),
    "transport": Suite(transport.measure),
}


def choose(names: Sequence[str]) -> list[str]:
    """Return the named suites in their order of running; all when none is named.

    Raises:
        UnknownSuiteError: one of them is none; the nearest is named.
    """
    for name in names:
        if name not in SUITES:
            nearest = difflib.get_close_matches(name, SUITES, n=1, cutoff=0.0)[0]
            raise UnknownSuiteError(name=name, nearest=nearest, known=", ".join(SUITES))
    return [name for name in SUITES if name in names or not names]


def run(name: str, ground: Ground) -> Numbers:
    """Run one suite on an event loop of its own.

    Raises:
        ChatMemoryError: it cannot run here, or its work was not done.
        KeyboardInterrupt: a signal ended it; its database is dropped.
    """
    suite = SUITES[name]
    options = {"use_uvloop": suite.uvloop and find_spec("uvloop") is not None}
    return anyio.run(run_or_stop, suite.measure, ground, backend_options=options)


async def run_or_stop(measure: Measure, ground: Ground) -> Numbers:
    """Run a suite to its end or until a signal; what went wrong by design leaves the task groups that wrap it."""
    numbers: Numbers | None = None
    failures: list[ChatMemoryError] = []
    try:
        async with anyio.create_task_group() as group:
            await group.start(answer_signals, group.cancel_scope.cancel)
            numbers = await measure(ground)
            group.cancel_scope.cancel()
    except* ChatMemoryError as failed:
        failures = list(unwrap(failed))
    if failures:
        raise failures[0]
    if numbers is None:
        raise KeyboardInterrupt
    return numbers


def unwrap(group: BaseExceptionGroup[ChatMemoryError]) -> Iterator[ChatMemoryError]:
    """List the errors in a group, and in the groups in it."""
    for error in group.exceptions:
        if isinstance(error, ChatMemoryError):
            yield error
        else:
            yield from unwrap(error)
