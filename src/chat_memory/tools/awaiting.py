"""Waiting until a chat's memory covers a turn: the bell wakes, the cursor decides."""

import anyio

from chat_memory.models import ChatKey
from chat_memory.storage import chat_work
from chat_memory.tools.toolbox import Toolbox


async def wait_folded(box: Toolbox, owner: str, key: ChatKey, seq: int, seconds: float) -> bool:
    """Wait up to `seconds` until `seq` is folded; False when it is not, or the chat waits for help or is gone."""
    with anyio.move_on_after(seconds):
        async with box.bell.waiting(key) as waiter:
            while True:
                cursor = await box.db.run(lambda session: chat_work.read_cursor(session, key, owner))
                if cursor is None or cursor.failed or cursor.done_seq >= seq:
                    return cursor is not None and cursor.done_seq >= seq
                await waiter.sleep(box.settings.poll_seconds)
    return False
