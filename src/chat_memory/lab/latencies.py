"""Latencies: kept compactly, told as percentiles in milliseconds."""

from array import array
from collections.abc import Iterable
from math import ceil

MEDIAN = 50
TAIL = 99


class Latencies:
    """A series of seconds."""

    def __init__(self, seconds: Iterable[float] = ()) -> None:
        """Begin with these."""
        self._seconds = array("d", seconds)

    def __len__(self) -> int:
        return len(self._seconds)

    def add(self, seconds: float) -> None:
        """Keep one more."""
        self._seconds.append(seconds)

    def percentile_ms(self, percent: float) -> float:
        """Return the smallest value that `percent` of all are not above (nearest rank), in milliseconds."""
        ordered = sorted(self._seconds)
        return ordered[max(ceil(len(ordered) * percent / 100), 1) - 1] * 1000

    def tell(self, prefix: str) -> dict[str, float]:
        """Name the middle and the tail: `<prefix>p50_ms`, `<prefix>p99_ms`."""
        return {f"{prefix}p{percent}_ms": self.percentile_ms(percent) for percent in (MEDIAN, TAIL)}
