"""When a worker has nothing else to do: which chats the model looks at again, how many at once, and when none."""

import logging
from contextlib import suppress
from uuid import uuid4

import anyio

from chat_memory.errors import BudgetSpentError, ChatMemoryError
from chat_memory.storage import refolds
from chat_memory.storage.chat_work import Claim
from chat_memory.telemetry import Event, log
from chat_memory.tools.budget import refuse_beyond_budget
from chat_memory.tools.refold import quiet_seconds, refold
from chat_memory.tools.toolbox import Toolbox

SHARE = 4
"""At most one in so many of a process's questions is a second look: a new turn always finds the model free."""


class Refolds:
    """The re-folds of one process."""

    def __init__(self, box: Toolbox) -> None:
        """Re-fold with `box`."""
        self._box = box
        self._running = 0
        self._quiet_until = 0.0
        self._doubtful = False

    async def claim(self, room: int) -> list[Claim]:
        """Claim chats of one bucket, none while nobody can be asked. Whatever is claimed is to be given to `fold`.

        Raises:
            ChatMemoryError: the database does not answer.
        """
        share = 1 if self._doubtful else max(self._box.settings.fold_limit // SHARE, 1)
        room = min(room, share - self._running)
        if self._box.fallback is None or room <= 0 or anyio.current_time() < self._quiet_until:
            return []
        buckets = await self._box.db.run(lambda session: refolds.find_refold_buckets(session, 1))
        if not buckets:
            return []
        try:
            await refuse_beyond_budget(self._box)
        except BudgetSpentError as error:
            self._keep_quiet(error)
            return []
        claims = await self._claim_bucket(buckets[0], room)
        self._running += len(claims)
        return claims

    async def fold(self, claim: Claim) -> None:
        """Re-fold a claimed chat; when nobody could be asked, no other is claimed for a while, and then one first.

        Raises:
            ChatMemoryError: recorded and logged where it happened.
        """
        try:
            await refold(self._box, claim)
            self._doubtful = False
        except ChatMemoryError as error:
            self._keep_quiet(error)
            raise
        finally:
            self._running -= 1

    def _keep_quiet(self, error: ChatMemoryError) -> None:
        seconds = quiet_seconds(error)
        self._doubtful = self._doubtful or seconds > 0
        self._quiet_until = max(self._quiet_until, anyio.current_time() + seconds)

    async def _claim_bucket(self, bucket: int, room: int) -> list[Claim]:
        token, tries = uuid4(), self._box.settings.max_attempts
        try:
            async with self._box.db.session() as session:
                return await refolds.claim_refolds(session, bucket, room, self._box.lease, token, tries)
        except ChatMemoryError as error:
            log(Event.CLAIM_LOST, level=logging.WARNING, bucket=bucket, error=error)
        with suppress(ChatMemoryError):
            await self._box.db.run(lambda session: refolds.hand_back_refolds(session, bucket, token))
        return []
