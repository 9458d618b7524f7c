"""Chaos, in short: every fault once or a few times, with fixed seeds. The long form is scripts/chaos."""

import json
from pathlib import Path

import pytest

from tests.chaos.databases import Where, find_pgbouncer
from tests.chaos.disk import may_mount
from tests.chaos.program import EMBEDDED, SMALL_DISK, play
from tests.chaos.report import Report

SIZES = {
    "processes killed": 6,
    "processes killed while the model thinks": 5,
    "postgresql ended": 4,
    "postgresql revived": 2,
    "connections cut": 12,
    "worker paused": 3,
    "clocks jumping": 3,
    "everything at once": 4,
    "models failing": 0,
}
"""How many faults; of models, all of them."""


DEBIAN_POSTGRES = Path("/usr/lib/postgresql/15/bin")


async def played(name: str, size: int, where: Where = EMBEDDED) -> Report:
    """Play a scene with the seed of the short form and demand that nothing went wrong."""
    report = Report(seed=1)
    await play(name, report.seed, size, report, where)
    assert report.violations == [], report.as_table()
    return report


async def test_killed_servers_and_workers_lose_and_repeat_nothing() -> None:
    """Fails when a receipt is given for what is not committed: with a ROLLBACK in `transaction`, now and then."""
    report = await played("processes killed", SIZES["processes killed"])
    assert report.kills >= SIZES["processes killed"]
    assert report.counts["appends acknowledged"] > 0


async def test_processes_killed_while_the_model_thinks_leave_nothing_stuck() -> None:
    """Fails when claim_chats takes no chat whose lease ran out: a dead worker's chats would be nobody's."""
    name = "processes killed while the model thinks"
    report = await played(name, SIZES[name])
    assert report.counts["model questions"] > 0


async def test_postgresql_stopped_killed_crashed_and_restarted_costs_a_named_error_at_most() -> None:
    """Fails without OSError in GONE: a caller would be told that chat-memory failed inside."""
    report = await played("postgresql ended", SIZES["postgresql ended"])
    ways = ("postgresql killed", "postgresql stopped", "backends killed", "postgresql restarted")
    assert all(report.counts[way] for way in ways), report.as_table()
    assert report.errors["DatabaseUnreachableError"] > 0


async def test_an_embedded_postgresql_that_dies_under_its_owners_is_started_again_by_them() -> None:
    """Fails without `revive` in Database._acquire: the database would stay dead."""
    report = await played("postgresql revived", SIZES["postgresql revived"])
    assert report.counts["postgresql killed"] > 0


async def test_connections_cut_anywhere_lose_and_repeat_nothing() -> None:
    """Fails without find_call in lives.append: a write whose answer was lost would be written twice."""
    report = await played("connections cut", SIZES["connections cut"])
    cuts = [count for name, count in report.counts.items() if name.startswith("connections cut")]
    assert sum(cuts) == SIZES["connections cut"]


async def test_a_model_that_fails_in_every_way_delays_and_loses_nothing() -> None:
    """Fails without the except in make_draft that lets extraction step in: chats would be stuck."""
    report = await played("models failing", SIZES["models failing"])
    assert report.counts["degraded versions"] > 0
    assert report.counts["versions replaced"] > 0


async def test_a_worker_that_slept_through_its_lease_writes_nothing_when_it_wakes() -> None:
    """Fails without the token in store_draft and hold_lease: its late answers would fold the same turns again."""
    report = await played("worker paused", SIZES["worker paused"])
    assert report.counts["leases lost"] == SIZES["worker paused"]


async def test_a_clock_that_jumps_on_the_host_is_never_gone_by() -> None:
    """Fails when a time of Python's is stored, or a lease or a back-off is measured by it."""
    report = await played("clocks jumping", SIZES["clocks jumping"])
    assert report.counts["clocks that jumped"] > 0


async def test_append_renewal_finalize_and_forget_at_once_keep_their_books() -> None:
    """Fails without `for update` in lock_chat: forgetting and writing would mix two lives of a chat.

    Fails with read_numbers before hold_leases: a fold that waited for a verdict would not know of its version.
    """
    report = await played("everything at once", SIZES["everything at once"])
    assert min(report.counts[name] for name in ("folds", "renewals", "verdicts", "chats forgotten")) > 0


async def test_a_full_disk_costs_named_errors_and_is_over_when_there_is_room() -> None:
    """Fails without the last two lines of `translated`: PostgreSQL's own error would reach the caller."""
    if not may_mount():
        pytest.skip("a small disk is a mount, which takes root and a container that allows it")
    report = await played(SMALL_DISK, 0)
    assert report.errors["RefusedStatementError"] > 0
    assert report.counts["postgresql crashed"] > 0


async def test_the_scenes_are_played_on_an_installed_postgresql_through_pgbouncer_too() -> None:
    """Fails without PostgresConnectionError in GONE: the pooler's own errors would be called refusals."""
    if not ((DEBIAN_POSTGRES / "postgres").exists() and find_pgbouncer()):
        pytest.skip("PostgreSQL 15 and PgBouncer are not installed where Debian puts them")
    name = "postgresql ended"
    report = await played(name, 2, Where(DEBIAN_POSTGRES, pooled=True))
    assert set(report.errors) == {"DatabaseUnreachableError"}


def test_a_report_says_what_was_done_and_what_did_not_fit() -> None:
    """For a person and for a program."""
    report = Report(seed=7)
    report.counts.update({"servers killed": 2, "backends killed": 1})
    report.violations.append("stuck: chat 1")
    told = json.loads(report.as_json())
    assert (told["seed"], told["kills"], told["violations"]) == (7, 3, ["stuck: chat 1"])
    assert "stuck: chat 1" in report.as_table()
