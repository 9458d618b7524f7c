"""Signals: how a process of ours is told to end in order."""

import signal
import sys
from collections.abc import Callable

import anyio
from anyio.abc import TaskStatus


async def answer_signals(
    *answers: Callable[[], None], task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Call one after the other, the first at the first SIGINT or SIGTERM, the next at the next. Started: it listens.

    An answer that cancels a scope ends a process in order: leases are handed back, the embedded server is left well.
    """
    if sys.platform == "win32":  # no signal reception there: the client ends the process
        task_status.started()
        return
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        for answer in answers:
            await anext(signals)
            answer()
