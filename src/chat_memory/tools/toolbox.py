"""What every tool works with: process-wide, and without any caller's identity."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

import anyio

from chat_memory.prompts.summarizer import Summarizer
from chat_memory.settings import Settings
from chat_memory.storage.bell import Bell
from chat_memory.storage.database import Database
from chat_memory.storage.folds import Folds
from chat_memory.storage.ledger import Debounce, Ledger
from chat_memory.storage.snapshots import Snapshots
from chat_memory.tools.leases import Leases

BATCHES_AT_HAND = 4
"""So many claims are in hand where no model is waited for: one is worked on here while others are in the database."""
PACE_WEIGHT = 0.2
"""Share of the newest fold in the moving average: about the last ten folds count."""


@dataclass(slots=True)
class Pace:
    """How long turns wait until they are in the memory: an exponential average of the folds this process made."""

    waited: timedelta | None = None

    def record(self, waited: timedelta) -> None:
        """Count one fold whose oldest turn had waited this long."""
        self.waited = waited if self.waited is None else self.waited + (waited - self.waited) * PACE_WEIGHT


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The settings, the database, the bell, the summarizer and the ledger of this process.

    `fallback` folds when the summarizer is a model that cannot answer; None when there is no model.
    """

    settings: Settings
    db: Database
    bell: Bell
    summarizer: Summarizer
    ledger: Ledger
    folds: Folds
    snapshots: Snapshots
    leases: Leases
    fallback: Summarizer | None = None
    pace: Pace = field(default_factory=Pace)
    calls: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(Settings().fold_limit))
    """How many calls may fold at once beside the worker."""

    @classmethod
    def on(
        cls, db: Database, settings: Settings, bell: Bell, summarizer: Summarizer, fallback: Summarizer | None = None
    ) -> Self:
        """Put together what works on `db`."""
        debounce = (timedelta(seconds=of) for of in (settings.debounce_seconds, settings.debounce_limit_seconds))
        return cls(
            settings,
            db,
            bell,
            summarizer,
            Ledger(db, Debounce(*debounce)),
            Folds(db),
            Snapshots(db),
            Leases(db, timedelta(seconds=settings.lease_seconds)),
            fallback,
            calls=anyio.CapacityLimiter(settings.fold_limit),
        )

    @property
    def fold_room(self) -> int:
        """How many chats the worker may have in hand: those the model may be asked about, or a few whole claims."""
        return self.settings.fold_limit if self.summarizer.remote else BATCHES_AT_HAND * self.settings.batch_chats

    @property
    def lease(self) -> timedelta:
        """How long a claimed chat stays with a silent worker."""
        return timedelta(seconds=self.settings.lease_seconds)
