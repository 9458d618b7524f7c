"""Other people's queues on the same server: no-op jobs, each library as its own documentation runs it fast.

They come with the extra `bench`, and are imported only when they are measured.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from time import perf_counter
from typing import Protocol

import anyio

from chat_memory.lab.bench.ground import KIND, Ground, require
from chat_memory.lab.bench.peers.pgqueuer import PgQueuer
from chat_memory.lab.bench.peers.procrastinate import Procrastinate
from chat_memory.lab.bench.visible import PATIENCE_SECONDS, pause
from chat_memory.lab.databases import own_database, run_statements
from chat_memory.lab.errors import NoPeersError
from chat_memory.lab.latencies import Latencies
from chat_memory.lab.results import Numbers

BATCH = 1_000
"""Jobs enqueued by one call: neither library gains by more."""
NEEDED = ("pgqueuer", "procrastinate")


class Peer(Protocol):
    """A queue with one no-op job, on a database of its own."""

    name: str
    choices: Sequence[int]
    """Its setting that decides the speed, as far as its documentation goes: each is tried, the fastest counts."""
    trial_share: int
    """One of so many jobs is drained to choose."""
    tables: str
    """What is vacuumed before a drain, as ours is."""
    started: anyio.Event
    """Set when a job starts."""

    async def enqueue(self, jobs: int) -> None:
        """Enqueue so many jobs in one call."""
        ...

    async def drain(self, choice: int) -> None:
        """Run until no job is left."""
        ...

    def working(self, choice: int) -> AbstractAsyncContextManager[None]:
        """Run while the block runs, waiting for jobs."""
        ...

    async def count_done(self) -> int:
        """Count the jobs whose success is recorded, durably."""
        ...


class Kind(Protocol):
    """A library: it opens its queue on a database."""

    def __call__(self, url: str) -> AbstractAsyncContextManager[Peer]:
        """Install its schema and connect."""
        ...


async def measure(ground: Ground) -> Numbers:
    """Measure `peers.<name>.{enqueue_per_s,drain_per_s,pickup_p50_ms,pickup_p99_ms}`, and the setting that won.

    Raises:
        NoPeersError: they are not installed.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise NoPeersError(missing=" and ".join(missing))
    numbers: Numbers = {}
    kinds: tuple[Kind, ...] = (PgQueuer.open, Procrastinate.open)
    for kind in kinds:
        numbers |= await measure_peer(ground, kind)
    return numbers


async def measure_peer(ground: Ground, kind: Kind) -> Numbers:
    """Choose the fastest setting, then measure with it."""
    jobs, samples = ground.sizes.jobs, ground.sizes.samples
    async with opened(ground, kind) as peer:
        name, choices, trial = peer.name, peer.choices, jobs // peer.trial_share
    drains: dict[int, float] = {}
    for choice in choices:
        ground.report(f"{name} drains {trial} jobs, setting {choice}")
        drains[choice] = (await run_jobs(ground, kind, trial, choice))[1]
    best = max(drains, key=lambda choice: drains[choice])
    ground.report(f"{name} drains {jobs} jobs, setting {best}")
    enqueued, drained = await run_jobs(ground, kind, jobs, best)
    ground.report(f"{name} picks {samples} jobs up")
    return {
        f"peers.{name}.enqueue_per_s": enqueued,
        f"peers.{name}.drain_per_s": max(drained, drains[best]) if trial == jobs else drained,
        **(await sample_pickups(ground, kind, best)).tell(f"peers.{name}.pickup_"),
        f"peers.{name}.setting": best,
    }


@asynccontextmanager
async def opened(ground: Ground, kind: Kind) -> AsyncGenerator[Peer]:
    """Open a peer on a database of its own."""
    async with own_database(ground.server_url, KIND) as url, kind(url) as peer:
        yield peer


async def run_jobs(ground: Ground, kind: Kind, jobs: int, choice: int) -> tuple[float, float]:
    """Enqueue jobs in batches, then drain them; both rates."""
    async with own_database(ground.server_url, KIND) as url, kind(url) as peer:
        began = perf_counter()
        for first in range(0, jobs, BATCH):
            await peer.enqueue(min(BATCH, jobs - first))
        enqueued = jobs / (perf_counter() - began)
        await run_statements(url, f"vacuum (analyze) {peer.tables}")
        began = perf_counter()
        await peer.drain(choice)
        drained = jobs / (perf_counter() - began)
        require(f"the count of jobs done by {peer.name}", await peer.count_done(), jobs)
    return enqueued, drained


async def sample_pickups(ground: Ground, kind: Kind, choice: int) -> Latencies:
    """Measure from the call that enqueues a job to its start, in an idle process."""
    latencies = Latencies()
    samples = ground.sizes.samples
    async with opened(ground, kind) as peer:
        async with peer.working(choice):
            for sample in range(samples + 1):
                await pause()
                peer.started = anyio.Event()
                with anyio.fail_after(PATIENCE_SECONDS):
                    began = perf_counter()
                    await peer.enqueue(1)
                    await peer.started.wait()
                    if sample:  # the first one also waits until somebody listens
                        latencies.add(perf_counter() - began)
        require(f"the count of jobs done by {peer.name}", await peer.count_done(), samples + 1)
    return latencies
