"""Waiting until a chat's memory covers a turn: the bell wakes, the cursor decides, the caller hears how far it is."""

import anyio

from chat_memory.models import ChatKey, Report, tell_nobody
from chat_memory.storage import chat_work
from chat_memory.storage.bell import Ring, ring
from chat_memory.storage.database import Session, retried
from chat_memory.tools.toolbox import Toolbox


class Progress:
    """How many turns of a wait are folded; told once at the start, and again whenever it grew."""

    def __init__(self, report: Report, done_seq: int, target: int) -> None:
        """Wait from `done_seq` to `target`."""
        self._report = report
        self._start = min(done_seq, target)
        self._target = target
        self._told = -1

    async def tell(self, done_seq: int) -> None:
        """Tell of what is folded now, if that is news: progress never stands still and never falls."""
        folded, total = min(done_seq, self._target) - self._start, self._target - self._start
        if folded > self._told:
            self._told = folded
            await self._report(folded, total, f"{folded} of {total} turns folded")


async def hasten(box: Toolbox, key: ChatKey) -> None:
    """Wake every worker for this chat, also where it backed off or waits for help."""

    async def make_due(session: Session) -> None:
        if await chat_work.hasten_chat(session, key):
            await ring(session, Ring(key, grew=True))

    await retried(lambda _: box.db.transact(make_due))
    box.bell.announce(Ring(key, grew=True))


async def wait_folded(
    box: Toolbox, owner: str, key: ChatKey, seq: int, seconds: float, *, report: Report = tell_nobody
) -> bool:
    """Wait up to `seconds` until `seq` is folded; False when it is not, or the chat waits for help or is gone.

    Where too many wait already, nobody more does.
    """
    if seconds <= 0 or box.bell.is_crowded:  # a look cut off in the middle would cost its connection
        return False
    progress: Progress | None = None
    with anyio.move_on_after(seconds):
        async with box.bell.waiting(key) as waiter:
            while True:
                cursor = await box.db.run(lambda session: chat_work.read_cursor(session, key, owner))
                if cursor is None or cursor.failed or cursor.done_seq >= seq:
                    return cursor is not None and cursor.done_seq >= seq
                progress = progress or Progress(report, cursor.done_seq, seq)
                await progress.tell(cursor.done_seq)
                await waiter.sleep(box.settings.poll_seconds)
    return False
