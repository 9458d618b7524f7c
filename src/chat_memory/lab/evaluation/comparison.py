"""Two results compared: a paired bootstrap over the cases both have says how much of a difference is chance."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chat_memory.lab.evaluation.finding import Share, pool
from chat_memory.lab.evaluation.results import Results, Samples

RESAMPLES = 2_000
"""How often the cases are drawn again, with replacement: an interval's ends settle to about a tenth of its width."""
SEED = 20_617
"""Fixed: the same results give the same intervals."""
INTERVAL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a difference lies in 95 of 100 draws of the cases."""

    low: float
    high: float

    @property
    def is_more_than_chance(self) -> bool:
        """Whether no difference at all lies outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two results, `cases` being those of both that it is pooled from, and the only ones compared.

    A figure without cases of its own, such as a time, has no interval.
    """

    key: str
    before: float
    after: float
    cases: int = 0
    interval: Interval | None = None

    @property
    def change(self) -> float:
        """How much more it is."""
        return self.after - self.before


def compare(before: Results, after: Results) -> list[Difference]:
    """Compare every number of both, in the order of the first."""
    pairs = pair_cases(before.samples, after.samples)
    intervals = draw_intervals(pairs)
    differences: list[Difference] = []
    for key, old in before.numbers.items():
        new = after.numbers.get(key)
        if isinstance(old, str) or not isinstance(new, int | float):
            continue
        if key in pairs:
            olds, news = pairs[key]
            differences.append(Difference(key, pool(olds), pool(news), len(olds), intervals[key]))
        else:
            differences.append(Difference(key, old, new))
    return differences


def pair_cases(before: Samples, after: Samples) -> dict[str, tuple[Mapping[str, Share], Mapping[str, Share]]]:
    """Give, of every figure both have cases of, the cases both have, sorted by id."""
    pairs: dict[str, tuple[Mapping[str, Share], Mapping[str, Share]]] = {}
    for key in before.keys() & after.keys():
        shared = sorted(before[key].keys() & after[key].keys())
        if shared:
            pairs[key] = {case: before[key][case] for case in shared}, {case: after[key][case] for case in shared}
    return pairs


def draw_intervals(pairs: Mapping[str, tuple[Mapping[str, Share], Mapping[str, Share]]]) -> dict[str, Interval]:
    """Bootstrap every figure; those of the same cases share the draws."""
    together: dict[tuple[str, ...], list[str]] = {}
    for key in sorted(pairs):
        together.setdefault(tuple(pairs[key][0]), []).append(key)
    intervals: dict[str, Interval] = {}
    for cases, keys in together.items():
        columns = {key: (list_counts(pairs[key][0]), list_counts(pairs[key][1])) for key in keys}
        drawn: dict[str, list[float]] = {key: [] for key in keys}
        for places in draw_places(len(cases)):
            for key, (olds, news) in columns.items():
                drawn[key].append(share_of(news, places) - share_of(olds, places))
        intervals |= {key: cut_tails(differences) for key, differences in drawn.items()}
    return intervals


Counts = tuple[list[float], list[float]]
"""Hits, and of how many, by case."""


def list_counts(shares: Mapping[str, Share]) -> Counts:
    """Put cases into columns, which are quick to sum."""
    return [share.hits for share in shares.values()], [share.of for share in shares.values()]


def share_of(counts: Counts, places: Sequence[int]) -> float:
    """Pool the cases at these places."""
    hits, of = counts
    total = sum(map(of.__getitem__, places))
    return sum(map(hits.__getitem__, places)) / total if total else 0.0


def draw_places(cases: int) -> Iterator[Sequence[int]]:
    """Draw as many cases as there are, again and again."""
    generator = random.Random(SEED)  # noqa: S311 - chance that can be repeated, not a secret
    for _ in range(RESAMPLES):
        yield generator.choices(range(cases), k=cases)


def cut_tails(drawn: Sequence[float]) -> Interval:
    """Leave out the lowest and the highest, as many at each end."""
    ordered = sorted(drawn)
    tail = round(len(ordered) * (1 - INTERVAL) / 2)
    return Interval(ordered[tail], ordered[-tail - 1])
