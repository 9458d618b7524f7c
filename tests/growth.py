"""How a price grows with what it is paid for: a ratio within one run, so no test needs a quiet machine."""

import gc
from collections.abc import Callable
from time import process_time

LINEAR = 9.0
"""A growth below this is of work that is linear (4); quadratic work (16) is beyond it."""
_TIMES = 4
_RUNS = 5


def growth(work: Callable[[int], object], size: int) -> float:
    """CPU of `work(4 * size)` over that of `work(size)`, each the least of five runs in turn.

    A `size` that takes a few milliseconds tells enough: it is the time of this process, not of the clock.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        runs = [(_cost(work, size), _cost(work, _TIMES * size)) for _ in range(_RUNS)]
    finally:
        if collects:
            gc.enable()
    return min(large for _, large in runs) / min(small for small, _ in runs)


def _cost(work: Callable[[int], object], size: int) -> float:
    before = process_time()
    work(size)
    return process_time() - before
