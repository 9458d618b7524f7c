"""A host whose clock jumps: put on PYTHONPATH, it makes every Python process see hours come and go.

CHAOS_CLOCK is the sequence of hours the clock is wrong by, one for every look at it, over and over; CHAOS_CLOCK_SEEN a
file that shows that it was looked at.
"""

import os
import time
from itertools import cycle
from pathlib import Path

HOURS = cycle([float(hours) for hours in os.environ["CHAOS_CLOCK"].split(",")])  # noqa: TID251 - told by the test
SEEN = Path(os.environ["CHAOS_CLOCK_SEEN"])  # noqa: TID251 - likewise
REAL = time.time


def wrong_time() -> float:
    """Return the time of a clock that nobody should go by."""
    return REAL() + 3600 * next(HOURS)


time.time = wrong_time
time.time_ns = lambda: int(wrong_time() * 1_000_000_000)
SEEN.write_text(f"{time.time()}\n")
