"""The caller that never sleeps: claims due chats, folds them side by side, and paces itself."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from uuid import uuid4

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from chat_memory.errors import ChatMemoryError
from chat_memory.storage import chat_work, receipts
from chat_memory.storage.bell import Ring, Waiter
from chat_memory.storage.chat_work import Claim
from chat_memory.telemetry import Event, log
from chat_memory.tools.fold import fold
from chat_memory.tools.refolds import Refolds
from chat_memory.tools.toolbox import Toolbox

BUCKETS_PER_ROUND = 16
"""How many buckets one round claims from: a round stays short, the next one asks again."""
SWEEP_SECONDS = 60.0
"""Pause between two steps of deleting expired idempotency keys, one bucket each."""
BUCKETS = 256


class Worker:
    """Folds due chats until it is cancelled; any number of workers share one database."""

    def __init__(self, box: Toolbox) -> None:
        """Work with `box`."""
        self.box = box
        self._folding = 0
        self._refolds = Refolds(box)
        self._waiter = Waiter()

    async def run(self) -> None:
        """Claim and fold for ever. Cancelled, it hands every chat it holds back."""
        unsubscribe = self.box.bell.subscribe(self._hear)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._sweep)
                while True:
                    await anyio.lowlevel.checkpoint_if_cancelled()  # claiming is shielded, and does not see the end
                    if not await self._claim_round(group) and not await self._refold_round(group):
                        await self._waiter.sleep(self.box.settings.poll_seconds)
        finally:
            unsubscribe()

    def _hear(self, rung: Ring) -> None:
        if rung.grew:
            self._waiter.wake()

    async def _claim_round(self, group: TaskGroup) -> int:
        """Claim from the most overdue buckets as many chats as can be folded now; how many were claimed."""
        claims: list[Claim] = []
        try:
            with anyio.CancelScope(shield=True):  # what is claimed is folded or handed back, never dropped
                claims = await self._claim(self.box.fold_room - self._folding)
        except ChatMemoryError as error:
            log(Event.WORKER_FAILED, level=logging.WARNING, error=error)
            return 0
        for claim in claims:
            self._folding += 1
            group.start_soon(self._fold_claimed, partial(fold, self.box), claim)
        return len(claims)

    async def _refold_round(self, group: TaskGroup) -> int:
        """Nothing is due: let the model look again at what extraction folded; how many chats were claimed."""
        claims: list[Claim] = []
        try:
            with anyio.CancelScope(shield=True):
                claims = await self._refolds.claim(self.box.fold_room - self._folding)
        except ChatMemoryError as error:
            log(Event.WORKER_FAILED, level=logging.WARNING, error=error)
        for claim in claims:
            self._folding += 1
            group.start_soon(self._fold_claimed, self._refolds.fold, claim)
        return len(claims)

    async def _claim(self, room: int) -> list[Claim]:
        claims: list[Claim] = []
        if room <= 0:
            return claims
        async with self.box.db.session() as session:
            buckets = await chat_work.find_due_buckets(session, BUCKETS_PER_ROUND)
        for bucket in buckets:
            limit = min(room - len(claims), self.box.settings.batch_chats)
            if limit > 0:
                claims += await self._claim_bucket(bucket, limit)
        return claims

    async def _claim_bucket(self, bucket: int, limit: int) -> list[Claim]:
        token = uuid4()
        try:
            async with self.box.db.session() as session:
                return await chat_work.claim_chats(session, bucket, limit, self.box.lease, token)
        except ChatMemoryError as error:  # what other buckets gave is folded all the same
            log(Event.CLAIM_LOST, level=logging.WARNING, bucket=bucket, error=error)
        with suppress(ChatMemoryError):
            await self.box.db.run(lambda session: chat_work.hand_back_claims(session, bucket, token))
        return []

    async def _fold_claimed(self, do: Callable[[Claim], Awaitable[object]], claim: Claim) -> None:
        """Fold one chat, as `do` does; its failure is recorded with it and never touches another's."""
        try:
            await do(claim)
        except ChatMemoryError:
            pass  # recorded and logged where it happened: the chat's row says what went wrong
        finally:
            self._folding -= 1
            self._waiter.wake()

    async def _sweep(self) -> None:
        """Forget idempotency keys past their time, a little at a time."""
        age = timedelta(hours=self.box.settings.idempotency_hours)
        bucket = 0
        while True:
            try:
                async with self.box.db.session() as session:
                    expired = await receipts.expire_receipts(session, bucket, age)
            except ChatMemoryError:
                expired = 0
            if not expired:
                bucket = (bucket + 1) % BUCKETS
                await anyio.sleep(SWEEP_SECONDS / BUCKETS if bucket else SWEEP_SECONDS)
