"""The suites by name, and a run of one of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TypeAlias

import anyio

from chat_memory.lab.bench import append, chats, commit_floor, drain, peers, transport, visible
from chat_memory.lab.bench.ground import Ground
from chat_memory.lab.results import Numbers
from chat_memory.lab.suites import run_or_stop

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


def run(name: str, ground: Ground) -> Numbers:
    """Run one suite on an event loop of its own.

    Raises:
        ChatMemoryError: it cannot run here, or its work was not done.
        KeyboardInterrupt: a signal ended it; its database is dropped.
    """
    suite = SUITES[name]
    options = {"use_uvloop": suite.uvloop and find_spec("uvloop") is not None}
    return anyio.run(run_or_stop, partial(suite.measure, ground), backend_options=options)
