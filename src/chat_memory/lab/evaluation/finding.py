"""What a suite found: shares, each with the cases it was pooled from, so that two runs can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from chat_memory.lab.evaluation.checks import Checks
from chat_memory.lab.latencies import Latencies


class Share(NamedTuple):
    """So many of so many: what one case adds to a figure. A case with nothing to find is `Share(0, 0)`."""

    hits: float
    of: float = 1.0


def pool(shares: Mapping[str, Share]) -> float:
    """Return the share over all cases together, each weighing as much as it holds; 0 of nothing is 0."""
    of = sum(share.of for share in shares.values())
    return sum(share.hits for share in shares.values()) / of if of else 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a suite measured; keys are without the suite's name.

    `cases` counts by set what was measured: it must reach the known size. `samples` hold, for each figure that is a
    share, what each case adds to it, by case id; the figure itself is pooled from them. `figures` are all others.
    `checks` and `folds` (two messages each) are told for all suites together.
    """

    cases: Mapping[str, int]
    samples: Mapping[str, Mapping[str, Share]] = field(default_factory=dict[str, Mapping[str, Share]])
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    checks: Checks = field(default_factory=Checks)
    folds: Latencies = field(default_factory=Latencies)

    @property
    def n(self) -> int:
        """How many cases were measured."""
        return sum(self.cases.values())

    def tell(self) -> dict[str, float]:
        """Give every figure by its key."""
        return {name: pool(shares) for name, shares in self.samples.items()} | {**self.figures, "n": self.n}
