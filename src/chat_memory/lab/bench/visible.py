"""How long until what was said is memory, in an idle process: from the call of update_memory to the commit."""

import random
from time import perf_counter

import anyio

from chat_memory.lab.bench.ground import KIND, OWNER, Ground, open_box, require
from chat_memory.lab.bench.rows import check_written
from chat_memory.lab.bench.summarizers import NoModel
from chat_memory.lab.bench.writing import SAID
from chat_memory.lab.databases import own_database
from chat_memory.lab.latencies import Latencies
from chat_memory.lab.results import Numbers
from chat_memory.models import Caller, Message, chat_key
from chat_memory.replies import MemoryReply
from chat_memory.storage.bell import Ring
from chat_memory.tools.get_memory import get_memory
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

CHATS = 50
PAUSE_SECONDS = (0.005, 0.02)
"""Between two samples, drawn: the process is idle again, and no sample falls in step with a poll."""
PATIENCE_SECONDS = 60.0
SAID_BY_USER = [Message(role="user", content=SAID)]


async def measure(ground: Ground) -> Numbers:
    """Measure `visible.{p50_ms,p99_ms}`: seen is the bell rung for the commit, then a read proves it."""
    samples = ground.sizes.samples
    chats = min(CHATS, samples)
    latencies = Latencies()
    async with own_database(ground.server_url, KIND) as url:
        async with open_box(ground, url, NoModel(), folding=True) as box:
            ground.report(f"{samples} samples")
            for number in range(chats):
                await see(box, f"chat {number}")
            for number in range(samples):
                await pause()
                latencies.add(await see(box, f"chat {number % chats}"))
        folds = await check_written(url, turns=chats + samples, chats=chats, folded=True)
        require("the count of versions", folds, chats + samples)
    return {**latencies.tell("visible.")}


async def pause() -> None:
    """Let the process come to rest."""
    await anyio.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - a pause, not a secret


async def see(box: Toolbox, chat_id: str) -> float:
    """Write one message and wait for the commit that folds it; seconds from the call.

    Raises:
        DisprovedError: what was rung for is not in the memory.
    """
    caller, key, written = Caller(OWNER), chat_key(OWNER, chat_id), anyio.Event()
    unsubscribe = box.bell.subscribe(lambda rung: written.set() if rung == Ring(key, grew=False) else None)
    try:
        with anyio.fail_after(PATIENCE_SECONDS):
            began = perf_counter()
            receipt = await update_memory(box, caller, chat_id, SAID_BY_USER)
            await written.wait()
            seconds = perf_counter() - began
    finally:
        unsubscribe()
    reply = await get_memory(box, caller, chat_id)
    require("the last turn in a memory", reply.covers_seq if isinstance(reply, MemoryReply) else 0, receipt.seq)
    return seconds
