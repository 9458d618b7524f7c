"""A service under load: an open loop that offers calls at their scheduled times, whether or not it is kept up with.

Every latency counts from the scheduled time, so that a stall is felt by all who would have come during it.
"""

import random
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import anyio
import asyncpg
from anyio.abc import TaskGroup

from chat_memory.errors import ChatBusyError, ChatMemoryError, LedgerBusyError
from chat_memory.lab.bench.drain import fill
from chat_memory.lab.bench.ground import KIND, OWNER, Ground, Sizes, open_box
from chat_memory.lab.bench.rows import PATIENCE_SECONDS, SETTLE, check_written, wait_folded
from chat_memory.lab.bench.summarizers import NoModel, SlowModel
from chat_memory.lab.bench.visible import SAID_BY_USER
from chat_memory.lab.databases import own_database, run_statements
from chat_memory.lab.latencies import MEDIAN, TAIL, Latencies
from chat_memory.lab.results import Numbers
from chat_memory.models import Caller
from chat_memory.storage.faults import translated
from chat_memory.tools.get_memory import get_memory
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

if sys.platform != "win32":
    import resource

Offered: TypeAlias = Callable[[float], Coroutine[Any, Any, None]]
"""A call with the time it is due."""

FOLDS_AT_ONCE = 200
"""Most model calls in flight: as many as leave two cores their calls. The other chats wait, and are folded in one."""
IN_FLIGHT = 10_000
"""Most calls that wait for their answer: what comes on top is not admitted, as a client's own limit would have it."""
BUSY: tuple[type[ChatMemoryError], ...] = (ChatBusyError, LedgerBusyError)
"""How the product says: not now, try again. Not admitted, but no error."""
STATM = Path("/proc/self/statm")
LAGS = """
select percentile_disc($1::float8[]) within group (
    order by extract(epoch from version.created_at - turn.created_at) * 1000
)
from chat_memory.turns as turn
join chat_memory.memory_versions as version
    on version.bucket = turn.bucket and version.chat = turn.chat
    and turn.seq between version.from_seq and version.covers_seq
where turn.seq > 1
"""
"""From a turn's time in the ledger to that of the version that folded it, by the database's clock."""


@dataclass(slots=True)
class Load:
    """What became of the calls that were offered."""

    offered: int = 0
    refused: int = 0
    errors: int = 0
    written: int = 0
    in_flight: int = 0
    rss_mb: float = 0.0
    appends: Latencies = field(default_factory=Latencies)
    reads: Latencies = field(default_factory=Latencies)

    async def admit(self, call: Callable[[], Awaitable[object]], due: float, latencies: Latencies) -> bool:
        """Make a call and count its outcome; True when it was answered."""
        try:
            await call()
        except BUSY:
            self.refused += 1
            return False
        except ChatMemoryError:
            self.errors += 1
            return False
        finally:
            self.in_flight -= 1
        latencies.add(perf_counter() - due)
        return True


async def measure(ground: Ground) -> Numbers:
    """Measure `chats.*`: 10,000 chats, writes and reads offered at a rate, a model that takes a second."""
    sizes = ground.sizes
    load = Load()
    async with own_database(ground.server_url, KIND) as url:
        await begin_chats(ground, url)
        model = SlowModel(sizes.model_seconds)
        async with open_box(ground, url, model, folding=True, fold_limit=FOLDS_AT_ONCE) as box:
            ground.report(f"{sizes.chats_seconds:g} s of load on {sizes.chats} chats")
            await offer(box, sizes, load)
            ground.report("the last folds")
            await wait_folded(url)
        await check_written(url, turns=sizes.chats + load.written, chats=sizes.chats, folded=True)
        lags = await read_lags(url)
    return {
        "chats.admitted_share": 1 - load.refused / load.offered,
        "chats.errors": load.errors,
        "chats.append_p99_ms": load.appends.percentile_ms(TAIL),
        "chats.read_p50_ms": load.reads.percentile_ms(MEDIAN),
        "chats.read_p99_ms": load.reads.percentile_ms(TAIL),
        "chats.lag_p50_ms": lags[0],
        "chats.lag_p99_ms": lags[1],
        "chats.rss_mb": load.rss_mb,
    }


async def begin_chats(ground: Ground, url: str) -> None:
    """Give every chat its first turn and a memory, with a model that takes no time."""
    async with open_box(ground, url, NoModel(), folding=True) as box:
        ground.report(f"beginning {ground.sizes.chats} chats")
        await fill(box, ground.sizes.chats, 1)
        await wait_folded(url)
    await run_statements(url, SETTLE)


async def offer(box: Toolbox, sizes: Sizes, load: Load) -> None:
    """Offer writes and reads at their rates, and wait for the answers to those that were admitted."""
    caller, chosen = Caller(OWNER), random.Random(1)  # noqa: S311 - a load, not a secret
    began = perf_counter()

    def choose() -> str:
        return f"chat {chosen.randrange(sizes.chats)}"

    def schedule(per_second: int) -> Iterator[float]:
        return (began + number / per_second for number in range(round(per_second * sizes.chats_seconds)))

    async def write(due: float) -> None:
        call = partial(update_memory, box, caller, choose(), SAID_BY_USER)
        answered = await load.admit(call, due, load.appends)
        load.written += answered  # after the await: others count meanwhile

    async def read(due: float) -> None:
        await load.admit(partial(get_memory, box, caller, choose()), due, load.reads)

    async with anyio.create_task_group() as watching:
        watching.start_soon(watch_size, load)
        with anyio.fail_after(sizes.chats_seconds + PATIENCE_SECONDS):
            async with anyio.create_task_group() as calls:
                calls.start_soon(pace, calls, load, schedule(sizes.writes_per_second), write)
                calls.start_soon(pace, calls, load, schedule(sizes.reads_per_second), read)
        watching.cancel_scope.cancel()


async def pace(calls: TaskGroup, load: Load, schedule: Iterable[float], call: Offered) -> None:
    """Start each call when it is due, late ones at once; one too many in flight is refused, not held."""
    for due in schedule:
        await anyio.sleep(max(due - perf_counter(), 0))
        load.offered += 1
        if load.in_flight >= IN_FLIGHT:
            load.refused += 1
        else:
            load.in_flight += 1
            calls.start_soon(call, due)


async def watch_size(load: Load) -> None:
    """Remember the largest size of this process while it works."""
    while True:
        load.rss_mb = max(load.rss_mb, read_rss_mb())
        await anyio.sleep(1)


def read_rss_mb() -> float:
    """Read how much memory this process holds now; where that cannot be read, the most it ever held."""
    if sys.platform == "win32":
        return 0.0
    with suppress(OSError):
        return int(STATM.read_text().split()[1]) * resource.getpagesize() / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


async def read_lags(url: str) -> list[float]:
    """Read the middle and the tail of how long turns waited for their fold, milliseconds."""
    with translated(url):
        connection = await asyncpg.connect(url)
        try:
            return [float(lag) for lag in await connection.fetchval(LAGS, [MEDIAN / 100, TAIL / 100])]
        finally:
            await connection.close()
