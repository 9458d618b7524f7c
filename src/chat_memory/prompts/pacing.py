"""Where pure work runs: here when it is short, in a thread when it would hold every other chat of the process up."""

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

Result = TypeVar("Result")

THREAD_CHARACTERS = 16_384
"""From this much text on work runs in a thread: below it a fold takes milliseconds, a thread costs a tenth of one."""


async def run_paced(work: Callable[[], Result], characters: int) -> Result:
    """Do `work` on so many characters of text, without stopping others while it lasts."""
    return work() if characters < THREAD_CHARACTERS else await anyio.to_thread.run_sync(work)
