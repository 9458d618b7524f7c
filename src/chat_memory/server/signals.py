"""Signals: how a process of ours is told to end in order."""

import signal
import sys

import anyio


async def cancel_on_signal(scope: anyio.CancelScope) -> None:
    """Cancel `scope` on SIGINT or SIGTERM: leases are handed back and the embedded server is left in order."""
    if sys.platform == "win32":  # no signal reception there: the client ends the process
        return
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return
