"""The write path below the tools: so many callers, each with a chat of its own, one durable turn after the other."""

from time import perf_counter

import anyio

from chat_memory.lab.bench.ground import KIND, Ground, open_box
from chat_memory.lab.bench.rows import check_written
from chat_memory.lab.bench.summarizers import NoModel
from chat_memory.lab.bench.writing import append, make_call
from chat_memory.lab.databases import own_database
from chat_memory.lab.latencies import Latencies
from chat_memory.lab.results import Numbers
from chat_memory.tools.toolbox import Toolbox


async def measure(ground: Ground) -> Numbers:
    """Measure `append.callers_<n>.{per_s,p50_ms,p99_ms}`; nobody folds meanwhile."""
    numbers: Numbers = {}
    for callers in ground.sizes.append_callers:
        ground.report(f"{callers} callers")
        async with own_database(ground.server_url, KIND) as url:
            async with open_box(ground, url, NoModel(), folding=False) as box:
                latencies, seconds = await run_callers(box, callers, ground.sizes.append_seconds)
            await check_written(url, turns=callers + len(latencies), chats=callers, folded=False)
        key = f"append.callers_{callers}."
        numbers |= {f"{key}per_s": len(latencies) / seconds, **latencies.tell(key)}
    return numbers


async def run_callers(box: Toolbox, callers: int, seconds: float) -> tuple[Latencies, float]:
    """Append for `seconds`, after each caller has begun its chat untimed; latencies, and the time until the last."""
    latencies = Latencies()
    begun = 0
    everybody, deadline = anyio.Event(), 0.0

    async def call(chat_id: str) -> None:
        nonlocal begun, deadline
        await append(box, make_call(chat_id))
        begun += 1
        if begun == callers:
            deadline = perf_counter() + seconds
            everybody.set()
        await everybody.wait()
        while (started := perf_counter()) < deadline:
            await append(box, make_call(chat_id))
            latencies.add(perf_counter() - started)

    async with anyio.create_task_group() as group:
        for number in range(callers):
            group.start_soon(call, f"caller {number}")
    return latencies, perf_counter() - (deadline - seconds)
