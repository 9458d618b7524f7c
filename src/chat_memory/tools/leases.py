"""The leases this process holds: renewed together while folds work, and a fold whose lease was lost is stopped."""

from collections.abc import Generator
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
    _held: dict[object, tuple[Claim, anyio.CancelScope]] = field(default_factory=dict[object, Any])

    @contextmanager
    def hold(self, claim: Claim) -> Generator[None]:
        """Keep a claim for as long as the block runs.

        Raises:
            LostLeaseError: somebody else has the chat; the block was stopped where it waited.
        """
        with anyio.CancelScope() as scope:
            ticket = object()
            self._held[ticket] = claim, scope
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
            held = sorted(self._held.values(), key=lambda item: item[0].key)
            for bucket, group in groupby(held, key=lambda item: item[0].key.bucket):
                with suppress(DatabaseError):  # unreachable: the next renewal may be in time
                    await self._renew(bucket, list(group))

    async def _renew(self, bucket: int, held: list[tuple[Claim, anyio.CancelScope]]) -> None:
        claims = [claim for claim, _ in held]
        kept = await self.db.run(lambda session: chat_work.renew_leases(session, bucket, claims, self.lease))
        for claim, scope in held:
            if (claim.key, claim.token) not in kept:
                scope.cancel()
