"""The long form: scene after scene until enough processes were killed or the time is over."""

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from random import Random

import anyio

from tests.chaos.databases import Where
from tests.chaos.disk import may_mount
from tests.chaos.program import OWNED, SCENES, SMALL_DISK, play
from tests.chaos.report import Report

KILLS = 300
KILLS_PER_SCENE = 25
FAULTS_PER_SCENE = 12
CHATS_PAUSED = 5


def main() -> int:
    """Play what the arguments say, print the report, and return 0 when nothing went wrong."""
    parser = argparse.ArgumentParser(prog="scripts/chaos", description="Break things while callers write.")
    parser.add_argument(
        "--kills", type=int, help="go on until so many processes were killed (300; with --scene, once each)"
    )
    parser.add_argument("--minutes", type=float, default=60, help="but not longer than this (60)")
    parser.add_argument("--seed", type=int, default=1, help="what chance is decided by (1)")
    parser.add_argument("--scene", choices=sorted(SCENES), action="append", help="only this one; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there too")
    parser.add_argument("--postgres", type=Path, metavar="FOLDER", help="not the embedded one, but these programs")
    parser.add_argument("--pgbouncer", action="store_true", help="processes reach it through PgBouncer")
    given = parser.parse_args()
    where = Where(given.postgres, given.pgbouncer)
    report = Report(given.seed, str(where))
    names = given.scene or choose_scenes(where)
    kills = given.kills if given.kills is not None else 0 if given.scene else KILLS
    anyio.run(partial(campaign, report, names, where, kills=kills, minutes=given.minutes))
    sys.stdout.write(report.as_table() + "\n")
    if given.json:
        given.json.write_text(report.as_json() + "\n")
    return 1 if report.violations else 0


def choose_scenes(where: Where) -> list[str]:
    """List the scenes that can be played here, and say which cannot."""
    barred = {} if may_mount() else {SMALL_DISK: "this user may not mount a small disk"}
    if not where.is_ours:
        barred[OWNED] = "it is about the embedded PostgreSQL, reached directly"
    sys.stdout.writelines(f"{name}: skipped, {reason}\n" for name, reason in barred.items())
    return [name for name in SCENES if name not in barred]


async def campaign(report: Report, names: list[str], where: Where, *, kills: int, minutes: float) -> None:
    """Play every scene at least once, in turn, each time with another seed."""
    chance = Random(report.seed)  # noqa: S311 - to be repeated, not to be secret
    end = time.monotonic() + minutes * 60
    played = 0
    while played < len(names) or report.kills < kills:
        if time.monotonic() > end:
            report.violations.append(f"the time was over after {played} scenes and {report.kills} of {kills} kills")
            return
        name = names[played % len(names)]
        await play_noting(name, chance.randrange(2**32), report, where)
        played += 1
        sys.stdout.write(f"{name}: {report.kills} kills, {len(report.violations)} violations\n")
        sys.stdout.flush()


async def play_noting(name: str, seed: int, report: Report, where: Where) -> None:
    """Play one scene; one that breaks off is in the report, and the next comes all the same."""
    size = KILLS_PER_SCENE if "killed" in name else CHATS_PAUSED if "paused" in name else FAULTS_PER_SCENE
    try:
        await play(name, seed, size, report, where)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a violation already
        sys.stdout.write(f"{name}: {error!r}\n")


if __name__ == "__main__":
    sys.exit(main())
