"""The fold path: a ledger full of pending turns, one worker, until every one of them is in a memory."""

from time import perf_counter

import anyio

from chat_memory.lab.bench.ground import FULL, KIND, Ground, open_box
from chat_memory.lab.bench.rows import LOOK_SECONDS, PATIENCE_SECONDS, SETTLE, check_written, wait_folded
from chat_memory.lab.bench.summarizers import NoModel
from chat_memory.lab.bench.writing import append, make_call
from chat_memory.lab.databases import own_database, run_statements
from chat_memory.lab.results import Numbers
from chat_memory.tools.toolbox import Toolbox
from chat_memory.worker import Worker

WRITERS = 32


async def measure(ground: Ground) -> Numbers:
    """Measure `drain.chats_<n>.{turns_per_s,folds_per_s}`."""
    numbers: Numbers = {}
    turns = ground.sizes.drain_turns
    for named, chats in zip(FULL.drain_chats, ground.sizes.drain_chats, strict=True):
        model = NoModel()
        async with own_database(ground.server_url, KIND) as url:
            async with open_box(ground, url, model, folding=False) as box:
                ground.report(f"writing {turns} turns of {chats} chats")
                await fill(box, chats, turns // chats)
                await run_statements(url, SETTLE)
                ground.report(f"folding {turns} turns of {chats} chats")
                seconds = await drain(box, model, turns)
            folds = await check_written(url, turns=turns, chats=chats, folded=True)
        key = f"drain.chats_{named}."
        numbers |= {f"{key}turns_per_s": turns / seconds, f"{key}folds_per_s": folds / seconds}
    return numbers


async def fill(box: Toolbox, chats: int, turns: int) -> None:
    """Write `turns` turns into each of `chats` chats."""
    numbers = iter(range(chats))

    async def write() -> None:
        for number in numbers:
            await append(box, make_call(f"chat {number}", turns))

    async with anyio.create_task_group() as group:
        for _ in range(WRITERS):
            group.start_soon(write)


async def drain(box: Toolbox, model: NoModel, turns: int) -> float:
    """Let one worker fold everything; how long that took, seconds.

    Raises:
        TimeoutError: it did not come to its end.
    """
    began = seconds = perf_counter()
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(box).run)
        with anyio.fail_after(PATIENCE_SECONDS):
            while model.turns < turns:  # noqa: ASYNC110 - the worker is not asked to tell anybody
                await anyio.sleep(LOOK_SECONDS)
        await wait_folded(box.db.url)  # asked only now: the worker's own database is busy until here
        seconds = perf_counter() - began
        group.cancel_scope.cancel()
    return seconds
