"""The leases this process holds: renewed together while folds work, and a fold whose lease was lost is stopped."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any

import anyio

from chat_memory.errors import DatabaseError, LostLeaseError
from chat_memory.storage import chat_work
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Database

RENEWED_AT = 1 / 3
"""Share of a lease after which it is renewed: two renewals may fail before it ends."""


@dataclass(slots=True)
class Leases:
    """Claims at work, each with the scope that stops its fold. `run` renews them."""

    db: Database
    lease: timedelta
    _held: "dict[object, tuple[Sequence[Claim], anyio.CancelScope]]" = field(default_factory=dict[object, Any])

    @contextmanager
    def hold(self, claims: Sequence[Claim]) -> Generator[None]:
        """Keep claims of one bucket for as long as the block runs. One that is lost meanwhile is for the fence to find.

        Raises:
            LostLeaseError: somebody else has all of the chats; the block was stopped where it waited.
        """
        with anyio.CancelScope() as scope:
            ticket = object()
            self._held[ticket] = claims, scope
            try:
                yield
            finally:
                del self._held[ticket]
        if scope.cancelled_caught:
            raise LostLeaseError

    async def run(self) -> None:
        """Renew what is held, for ever."""
        while True:
            await anyio.sleep(self.lease.total_seconds() * RENEWED_AT)
            held = sorted(self._held.values(), key=lambda item: item[0][0].key)
            for _, of_bucket in groupby(held, key=lambda item: item[0][0].key.bucket):
                with suppress(DatabaseError):  # unreachable: the next renewal may be in time
                    await self._renew(list(of_bucket))

    async def _renew(self, held: "list[tuple[Sequence[Claim], anyio.CancelScope]]") -> None:
        every = [claim for claims, _ in held for claim in claims]
        kept = await self.db.run(lambda session: chat_work.renew_leases(session, every, self.lease))
        for claims, scope in held:
            if not any((claim.key, claim.token) in kept for claim in claims):
                scope.cancel()
