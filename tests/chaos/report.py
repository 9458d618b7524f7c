"""The report: what was done to the product, what it did, and what did not fit, as a table and as JSON."""

import json
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.book import Book

KILLS = ("servers killed", "workers killed", "postgresql killed", "backends killed")


@dataclass(slots=True)
class Report:
    """Counts over all scenes that were played."""

    seed: int
    database: str = ""
    scenes: Counter[str] = field(default_factory=Counter[str])
    counts: Counter[str] = field(default_factory=Counter[str])
    errors: Counter[str] = field(default_factory=Counter[str])
    violations: list[str] = field(default_factory=list[str])

    @property
    def kills(self) -> int:
        """How many processes were killed."""
        return sum(self.counts[name] for name in KILLS)

    def add(self, scene: str, seed: int, book: Book) -> None:
        """Add what happened in a scene."""
        self.scenes[scene] += 1
        self.counts += book.counts
        self.errors += book.errors
        self.violations += [f"{scene}, seed {seed}: {violation}" for violation in book.violations]

    def as_json(self) -> str:
        """Write it for a program."""
        told = {"scenes": self.scenes, "counts": self.counts, "errors": self.errors}
        setting = {"seed": self.seed, "database": self.database, "kills": self.kills}
        everything = {**setting, **told, "violations": self.violations}
        return json.dumps(everything, indent=2, sort_keys=True)

    def as_table(self) -> str:
        """Write it for a person."""
        rows = [("kills, all told", self.kills), *sorted(self.counts.items())]
        rows += [(f"scenes: {name}", count) for name, count in sorted(self.scenes.items())]
        rows += [(f"told to callers: {name}", count) for name, count in sorted(self.errors.items())]
        rows += [("violations", len(self.violations))]
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:<{width}}  {count:>8}" for name, count in rows]
        return "\n".join([f"seed {self.seed}, {self.database}", *lines, *self.violations])
