"""Scenes about who folds: a model that fails in every way, a worker that slept through its lease, clocks that jump."""

import random
import signal
from pathlib import Path

import anyio
import asyncpg

from tests.chaos.book import until
from tests.chaos.callers import Scribe
from tests.chaos.processes import LISTENS
from tests.chaos.scenes import kill_folders, kill_some
from tests.chaos.stage import Company, Stage, conclude, playing
from tests.chaos.verdict import foreign_times, read, until_folded, until_replaced
from tests.messages_server import Asked, Fault, MessagesServer, Reply, messages_server, proposing, silent, slow, status
from tests.tools.test_model_folds import UNUSABLE

KEY = "test-key"
LATE_SECONDS = 1.0
WELL: Fault = proposing(lambda _: None)
BUSY = [status(code, "overloaded_error", retry_after="2") for code in (429, 503, 529)]
REFUSED = [status(code, "authentication_error") for code in (401, 402, 403, 404)]
CLOCK = Path(__file__).parent / "clock"
JUMPS = "0,26,-26,8760,0,-8760,1,-1"
"""Hours a host's clock is wrong by, look after look."""


def shuffled_faults(chance: random.Random) -> list[Fault]:
    """Put every fault a model has in an order, patience first, a refusal last: both silence a process for a while."""
    faults = [*UNUSABLE.values(), silent, *[WELL] * (len(UNUSABLE) // 3)]
    chance.shuffle(faults)
    return [*BUSY, *faults, chance.choice(REFUSED)]


def late(server: MessagesServer, asked: Asked) -> Reply:
    """Answer well, after as long as a quick model takes."""
    server.closing.wait(LATE_SECONDS)
    return WELL(server, asked)


async def kill_thinking(stage: Stage, kills: int) -> None:
    """SIGKILL processes whose folds take time, so that leases and drafts are left behind: at first all at once.

    No caller asks for a fold: a chat whose lease died with its holder is nobody's until a worker takes it over.
    """
    with messages_server(KEY) as provider:
        provider.always = late
        stage.told = {**stage.told, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": provider.url}
        async with playing(stage, Company(doorways=1, guests=1, workers=2, folding=0)):
            await until(lambda: bool(provider.asked))
            await kill_folders(stage)
            await kill_some(stage, kills)
        stage.book.counts["model questions"] += len(provider.asked)


async def fail_models(stage: Stage) -> None:
    """Let the model fail in every way the Messages server knows, with good answers between; then it is well.

    Processes that were refused last leave it alone for a minute: a new worker has it look again at what was degraded.
    """
    with messages_server(KEY) as provider:
        faults = shuffled_faults(stage.random)
        provider.next_faults = list(faults)
        stage.told = {**stage.told, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": provider.url}
        patience = {"MODEL_SECONDS": "0.5", "FALLBACK_AFTER_SECONDS": "3", "REFOLD_SECONDS": "0.5"}

        async def heal() -> None:
            """Second looks wait until no new turns come. Who is ended while it starts may say so in a traceback."""
            healer = stage.worker("healer", **patience)
            async with anyio.create_task_group() as backstage:
                backstage.start_soon(healer.live)
                await until_replaced(stage.url)
                await until(lambda: LISTENS in healer.log)
                backstage.cancel_scope.cancel()

        async with playing(stage, Company(doorways=1, guests=0, workers=2, chats=12), heal, **patience):
            await until(lambda: not provider.next_faults)
        stage.book.counts["model faults"] += len(faults) - faults.count(WELL)
        stage.book.counts["model questions"] += len(provider.asked)
        stage.book.violations += [f"the provider refused: {reason}" for reason in provider.refused]


async def pause_worker(stage: Stage, chats: int) -> None:
    """Stop a worker while its model thinks, let another fold its chats, and wake it: its answers come too late."""
    with messages_server(KEY) as provider:
        provider.always = slow
        stage.told = {**stage.told, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": provider.url}
        door = stage.doorway("stdio", WORKER="false")
        # A lease so long that no renewal comes first: when the sleeper wakes, the fence alone is in its way.
        sleeper, other = stage.worker("sleeper", LEASE_SECONDS="600"), stage.worker("other")
        scribe = Scribe("caller", stage.book, door, [f"chat {number}" for number in range(chats)], stage.seed)
        async with anyio.create_task_group() as backstage:
            backstage.start_soon(sleeper.live)
            await write_everywhere(stage, scribe)
            await until(lambda: len(provider.asked) >= chats)
            sleeper.signal(signal.SIGSTOP)
            stage.book.counts["workers paused"] += 1
            provider.always = None
            await end_leases(stage)
            backstage.start_soon(other.live)
            await until_folded(stage.url, stage.book)
            provider.may_answer.set()
            sleeper.signal(signal.SIGCONT)
            await until(lambda: sleeper.log.count("lease_lost") + sleeper.log.count("memory_written") >= chats)
            await write_everywhere(stage, scribe)
            await until_folded(stage.url, stage.book)
            backstage.cancel_scope.cancel()
    await conclude(stage)


async def end_leases(stage: Stage) -> None:
    """Let the time of all leases be over, by the database's clock."""
    await read(stage.url, "update chat_memory.chat_work set due_at = now() where lease_token is not null returning 1")


async def write_everywhere(stage: Stage, scribe: Scribe) -> None:
    """Write once to every chat, on a server that does not fold."""
    async with scribe.door.open("2026-07-28") as client:
        for chat_id in scribe.chats:
            await scribe.write(client, stage.book.open(chat_id, (f"{chat_id} says {len(stage.book.writes)}.",)))


async def jump_clocks(stage: Stage, receipts: int) -> None:
    """Give every process a clock that jumps by hours and years: nothing stored may come from it, or wait for it."""
    seen = stage.folder / "clock"
    source = stage.environment()["PYTHONPATH"]
    stage.told = {
        **stage.told,
        "PYTHONPATH": f"{CLOCK}:{source}",
        "CHAOS_CLOCK": JUMPS,
        "CHAOS_CLOCK_SEEN": str(seen),
    }
    since = await now(stage)
    async with playing(stage, Company(doorways=1, guests=1, workers=1)):
        await stage.book.progress(receipts)
    foreign = await foreign_times(stage.url, since, await now(stage))
    stage.book.violations += [f"a time that is not the database's: {column}" for column in foreign]
    if not seen.exists():
        stage.book.violations.append("no process looked at the clock that jumps")
    stage.book.counts["clocks that jumped"] += len(stage.mortals)


async def now(stage: Stage) -> object:
    """Ask the database for the time."""
    row: asyncpg.Record
    (row,) = await read(stage.url, "select clock_timestamp()")
    return row[0]
