"""Where pure work runs: here when it is short, in a thread when it would hold every other chat of the process up."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

Result = TypeVar("Result")

THREADS = anyio.CapacityLimiter(1)
"""One thread at a time: two are no faster, and forty leave the event loop, and with it every caller, no turn."""
THREAD_CHARACTERS = 16_384
"""From this much text on work runs in a thread: below it a fold takes milliseconds, a thread costs a tenth of one."""


def is_long(characters: int) -> bool:
    """Tell whether work on so many characters would hold others up."""
    return characters >= THREAD_CHARACTERS


async def run_paced(work: Callable[[], Result], characters: int, threads: anyio.CapacityLimiter = THREADS) -> Result:
    """Do `work` on so many characters of text, without stopping others while it lasts."""
    return await anyio.to_thread.run_sync(work, limiter=threads) if is_long(characters) else work()
