"""Waiting for something another process does: bounded, and short enough between looks not to be felt."""

import threading
import time
from collections.abc import Callable

POLL_SECONDS = 0.005  # a warm start takes about 100 ms: looking this often adds at most a twentieth


def poll(condition: Callable[[], bool], seconds: float) -> bool:
    """Look at the condition until it holds and return True, or False once `seconds` have passed."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(POLL_SECONDS)
    return True
