"""Signals: how a process of ours is told to end in order."""

import signal
import sys
from collections.abc import Callable

import anyio
from anyio.abc import TaskStatus

from chat_memory.interrupt import Interrupt


async def answer_signals(
    *answers: Callable[[], None], task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Call one after the other, the first at the first SIGINT or SIGTERM, the next at the next. Started: it listens.

    A signal that came earlier, and was swallowed by whatever it interrupted, counts as the first. An answer that
    cancels a scope ends a process in order: leases are handed back, the embedded server is left well.
    """
    if sys.platform == "win32":  # no signal reception there: the client ends the process
        task_status.started()
        return
    early = signal.getsignal(signal.SIGTERM)
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        waiting = list(answers)
        if isinstance(early, Interrupt) and early.arrived:
            waiting.pop(0)()
        for answer in waiting:
            await anext(signals)
            answer()
