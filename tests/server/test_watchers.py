"""News of one chat to many, and many news to one: others get their turn, and nobody is told more than helps."""

from itertools import pairwise

import anyio
import anyio.lowlevel

from chat_memory.server.resources import BATCH, PAUSE_SECONDS, Watchers
from chat_memory.storage.bell import Bell, Ring
from tests.chats import key_of


async def test_telling_many_leaves_others_their_turn() -> None:
    """Without the checkpoint in Watchers.run a write to a chat that 2,000 watch would stop the process for a second."""
    bell = Bell()
    watchers = Watchers(bell)
    told: list[str] = []
    turns: list[int] = []

    async def deliver(uri: str) -> None:
        told.append(uri)

    for number in range(BATCH * 20):
        watchers.watch(key_of("a"), f"memory://{number}", deliver, number)
    async with anyio.create_task_group() as group:
        group.start_soon(watchers.run)
        await anyio.lowlevel.checkpoint()
        bell.announce(Ring(key_of("a"), grew=True))
        with anyio.fail_after(60):
            while len(told) < BATCH * 20:
                turns.append(len(told))
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert max(later - sooner for sooner, later in pairwise([*turns, len(told)])) <= 2 * BATCH


async def test_many_changes_in_a_moment_are_few_news() -> None:
    """Without the pause in Watchers._tell a chat that is written to all the time would be all this process does."""
    bell = Bell()
    watchers = Watchers(bell)
    times: list[float] = []

    async def deliver(_: str) -> None:
        times.append(anyio.current_time())

    watchers.watch(key_of("a"), "memory://a", deliver, "one")
    async with anyio.create_task_group() as group:
        group.start_soon(watchers.run)
        await anyio.lowlevel.checkpoint()
        with anyio.fail_after(60):
            while len(times) < 3:
                bell.announce(Ring(key_of("a"), grew=True))
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert all(later - sooner >= PAUSE_SECONDS * 0.9 for sooner, later in pairwise(times))
