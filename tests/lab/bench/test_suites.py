"""Every suite, small: it gives all its keys, and its own row counts let it through."""

import os
from importlib.util import find_spec
from time import perf_counter
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import asyncpg
import pytest

from chat_memory.errors import ChatBusyError, ChatMemoryError, UnsafeDurabilityError
from chat_memory.lab.bench import chats
from chat_memory.lab.bench.chats import Load, offer
from chat_memory.lab.bench.commit_floor import TABLE, check_rows, run_asyncpg
from chat_memory.lab.bench.drain import drain, fill
from chat_memory.lab.bench.ground import KIND, QUICK, Ground, open_box
from chat_memory.lab.bench.peers import NEEDED
from chat_memory.lab.bench.rows import check_written
from chat_memory.lab.bench.suites import SUITES
from chat_memory.lab.bench.summarizers import DELTA, SUMMARY_BYTES, NoModel
from chat_memory.lab.bench.writing import append, make_call
from chat_memory.lab.databases import own_database, run_statements
from chat_memory.lab.errors import DisprovedError, NoPeersError
from chat_memory.lab.latencies import Latencies
from chat_memory.models import Caller
from chat_memory.tools.get_memory import get_memory

HAS_PEERS = all(find_spec(name) for name in NEEDED)
SPREAD = ("p50_ms", "p99_ms")
PEER_KEYS = ("enqueue_per_s", "drain_per_s", "pickup_p50_ms", "pickup_p99_ms", "setting")
KEYS = {
    "commit_floor": {"commit_floor.tool", *(f"commit_floor.conns_{number}.per_s" for number in (1, 8, 32))},
    "append": {f"append.callers_{callers}.{what}" for callers in (1, 10, 100, 1000) for what in ("per_s", *SPREAD)},
    "drain": {f"drain.chats_{number}.{what}" for number in (20_000, 1_000) for what in ("turns_per_s", "folds_per_s")},
    "peers": {f"peers.{name}.{what}" for name in ("pgqueuer", "procrastinate") for what in PEER_KEYS},
    "visible": {f"visible.{what}" for what in SPREAD},
    "chats": {
        f"chats.{what}"
        for what in (
            *("admitted_share", "errors", "append_p99_ms", "read_p50_ms", "read_p99_ms"),
            *("lag_p50_ms", "lag_p99_ms", "rss_mb"),
        )
    },
    "transport": {
        f"transport.{name}.{tool}_{what}"
        for name in ("stdio", "http")
        for tool in ("noop", "get_memory", "update_memory")
        for what in (*SPREAD, *(() if tool == "noop" else ("adds_p50_ms",)))
    },
}
NEEDS = {"peers": pytest.mark.needs_bench}


def test_every_suite_has_its_keys_here() -> None:
    assert set(SUITES) == set(KEYS)


@pytest.mark.parametrize("name", [pytest.param(name, marks=NEEDS[name]) if name in NEEDS else name for name in KEYS])
async def test_a_small_run_gives_every_key_and_passes_its_own_counts(ground: Ground, name: str) -> None:
    """Fails when a suite writes less, or folds less, than it says: each counts rows before it gives numbers."""
    numbers = await SUITES[name].measure(ground)
    assert set(numbers) == KEYS[name]
    assert all(value >= 0 for key, value in numbers.items() if not isinstance(value, str) and "adds" not in key)
    assert numbers.get("chats.errors", 0) == 0


async def test_no_suite_leaves_a_database(ground: Ground) -> None:
    """Fails without the `finally` in own_database."""
    left = f"select count(*) from pg_database where datname like 'chat_memory_bench_{os.getpid()}_%'"  # noqa: S608 - a number
    with pytest.raises(ZeroDivisionError):
        async with own_database(ground.server_url, KIND):
            raise ZeroDivisionError
    connection = await asyncpg.connect(ground.server_url)
    assert await connection.fetchval(left) == 0
    await connection.close()


@pytest.mark.skipif(HAS_PEERS, reason="they are installed here")
async def test_missing_peers_are_told_with_how_to_install_them(ground: Ground) -> None:
    with pytest.raises(NoPeersError, match=r"pgqueuer and procrastinate .*pip install 'chat-memory\[bench\]'"):
        await SUITES["peers"].measure(ground)


async def test_the_floor_is_measured_without_pgbench_too(database_url: str) -> None:
    await run_statements(database_url, TABLE)
    rate, rows = await run_asyncpg(database_url, 2, 0.1)
    assert rate > 0
    await check_rows(database_url, rows)
    with pytest.raises(DisprovedError, match="the count of rows is"):
        await check_rows(database_url, rows + 1)


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        ("delete from chat_memory.turns where seq = 2", "the count of turns is 3, not 6"),
        ("delete from chat_memory.memory_versions where version = 1", "the count of covered is 0, not 6"),
        ("update chat_memory.chat_work set done_seq = 1", "the count of done is 3, not 6"),
        ("delete from chat_memory.chat_metadata", "the count of memories is 0, not 3"),
        ("update chat_memory.chat_metadata set version = 7", "the count of folds is 21, not 3"),
        ("alter table chat_memory.receipts set unlogged", "the count of unlogged is"),
    ],
)
async def test_rows_that_are_missing_are_found(ground: Ground, loss: str, told: str) -> None:
    """Fails without the line of that count in check_written."""
    async with own_database(ground.server_url, KIND) as url:
        async with open_box(ground, url, model := NoModel(), folding=False) as box:
            await fill(box, 3, 2)
            await drain(box, model, 6)
        assert await check_written(url, turns=6, chats=3, folded=True) == 3
        await run_statements(url, loss)
        with pytest.raises(DisprovedError, match=told):
            await check_written(url, turns=6, chats=3, folded=True)


async def test_what_folds_goes_the_products_own_way(ground: Ground) -> None:
    """The summary is the swapped object's; memory, gate and version are the product's."""
    async with (
        own_database(ground.server_url, KIND) as url,
        open_box(ground, url, model := NoModel(), folding=False) as box,
    ):
        await append(box, make_call("chat", 2))
        await drain(box, model, 2)
        reply = await get_memory(box, Caller("bench"), "chat")
        assert reply.model_dump()["general_summary"] == DELTA.summary
        assert reply.model_dump()["covers_seq"] == 2
    assert 0.9 * SUMMARY_BYTES < len(DELTA.summary or "") <= SUMMARY_BYTES


async def test_commits_that_are_not_waited_for_are_not_measured(ground: Ground) -> None:
    """Fails when open_box lets the settings allow what loses acknowledged writes."""
    unsafe = ground.settings.model_copy(update={"allow_unsafe_durability": True})
    async with own_database(ground.server_url, KIND) as url:
        await run_statements(url, f"alter database {urlsplit(url).path[1:]} set synchronous_commit = off")
        with pytest.raises(UnsafeDurabilityError):
            async with open_box(Ground(ground.server_url, QUICK, unsafe), url, NoModel(), folding=False):
                pass


async def test_latency_counts_from_the_scheduled_time() -> None:
    """Fails when Load.admit takes the time itself: a stall would be felt by one call instead of all."""
    load, latencies = Load(), Latencies()
    assert await load.admit(anyio.lowlevel.checkpoint, perf_counter() - 2, latencies)
    assert latencies.percentile_ms(50) >= 2000


async def test_a_refusal_is_not_admitted_and_no_error() -> None:
    """Fails when Load.admit counts what the product sheds as an error, or an error as shed."""

    async def refuse() -> None:
        raise ChatBusyError

    async def fail() -> None:
        raise ChatMemoryError

    load, latencies = Load(), Latencies()
    assert not await load.admit(refuse, 0, latencies)
    assert not await load.admit(fail, 0, latencies)
    assert (load.refused, load.errors, len(latencies)) == (1, 1, 0)


async def test_calls_in_flight_are_bounded(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails without the limit in offer: a service that stands still would be offered calls without end."""
    monkeypatch.setattr(chats, "IN_FLIGHT", 0)
    load = Load()
    async with own_database(ground.server_url, KIND) as url, open_box(ground, url, NoModel(), folding=False) as box:
        await offer(box, QUICK, load)
    assert load.offered == load.refused == 150
    assert load.written == 0
