"""The caller that never sleeps: claims due chats, folds them side by side, and paces itself."""

import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from chat_memory.errors import ChatMemoryError
from chat_memory.storage import chat_work, receipts
from chat_memory.storage.bell import Ring, Waiter
from chat_memory.storage.chat_work import Claim
from chat_memory.telemetry import Event, log
from chat_memory.tools.fold import fold_all
from chat_memory.tools.refolds import Refolds
from chat_memory.tools.toolbox import Toolbox

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
        self._due: deque[int] = deque()
        self._waiter = Waiter()

    async def run(self) -> None:
        """Claim and fold for ever. Cancelled, it hands every chat it holds back."""
        unsubscribe = self.box.bell.subscribe(self._hear)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._sweep)
                while True:
                    await anyio.lowlevel.checkpoint_if_cancelled()  # claiming is shielded, and does not see the end
                    if not await self._claim_next(group) and not await self._refold_next(group):
                        await self._waiter.sleep(self.box.settings.poll_seconds)
        finally:
            unsubscribe()

    def _hear(self, rung: Ring) -> None:
        if rung.grew:
            self._waiter.wake()

    async def _claim_next(self, group: TaskGroup) -> bool:
        """Claim from the next bucket with due chats, and fold; False when there is nothing to do, or no room."""
        remote = self.box.summarizer.remote
        room, wanted = self.box.fold_room - self._folding, self.box.settings.batch_chats
        if room < (1 if remote else wanted):  # a small claim costs as much as a large one
            return False
        claims: list[Claim] = []
        with anyio.CancelScope(shield=True):  # what is claimed is folded or handed back, never dropped
            claims = await self._claim(min(room, wanted))
        self._folding += len(claims)
        for batch in [[claim] for claim in claims] if remote else [claims] if claims else []:
            group.start_soon(self._fold_batch, batch)
        return bool(claims or self._due)

    async def _refold_next(self, group: TaskGroup) -> bool:
        """Nothing is due: let the model look again at what extraction folded; False when it does nothing."""
        claims: list[Claim] = []
        try:
            with anyio.CancelScope(shield=True):
                claims = await self._refolds.claim(self.box.fold_room - self._folding)
        except ChatMemoryError as error:
            log(Event.WORKER_FAILED, level=logging.WARNING, error=error)
        self._folding += len(claims)
        for claim in claims:
            group.start_soon(self._refold, claim)
        return bool(claims)

    async def _claim(self, limit: int) -> list[Claim]:
        """Claim from one bucket. They are listed most overdue first; each has its turn before they are listed again."""
        try:
            if not self._due:
                async with self.box.db.session() as session:
                    self._due.extend(await chat_work.find_due_buckets(session, BUCKETS))
        except ChatMemoryError as error:
            log(Event.WORKER_FAILED, level=logging.WARNING, error=error)
        return await self._claim_bucket(self._due.popleft(), limit) if self._due else []

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

    async def _fold_batch(self, claims: Sequence[Claim]) -> None:
        """Fold chats of one bucket; a failure is recorded with its chat and never touches another's."""
        held = len(claims)

        def free(ended: int) -> None:
            nonlocal held
            held -= ended
            self._folding -= ended
            self._waiter.wake()

        try:
            await fold_all(self.box, claims, free)
        finally:
            free(held)

    async def _refold(self, claim: Claim) -> None:
        """Re-fold one chat; whatever came of it is recorded."""
        try:
            await self._refolds.fold(claim)
        except ChatMemoryError:
            pass  # recorded and logged where it happened
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
