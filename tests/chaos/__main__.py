"""The long form: scene after scene until enough processes were killed or the time is over."""

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from random import Random

import anyio

from tests.chaos.disk import may_mount
from tests.chaos.program import SCENES, SMALL_DISK, play
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
    given = parser.parse_args()
    report = Report(given.seed)
    names = given.scene or [name for name in SCENES if name != SMALL_DISK or may_mount()]
    if SMALL_DISK not in names and not given.scene:
        sys.stdout.write("disk full: skipped, this user may not mount a small disk\n")
    kills = given.kills if given.kills is not None else 0 if given.scene else KILLS
    anyio.run(partial(campaign, report, names, kills=kills, minutes=given.minutes))
    sys.stdout.write(report.as_table() + "\n")
    if given.json:
        given.json.write_text(report.as_json() + "\n")
    return 1 if report.violations else 0


async def campaign(report: Report, names: list[str], *, kills: int, minutes: float) -> None:
    """Play every scene at least once, in turn, each time with another seed."""
    chance = Random(report.seed)  # noqa: S311 - to be repeated, not to be secret
    end = time.monotonic() + minutes * 60
    played = 0
    while played < len(names) or report.kills < kills:
        if time.monotonic() > end:
            report.violations.append(f"the time was over after {played} scenes and {report.kills} of {kills} kills")
            return
        name = names[played % len(names)]
        await play_noting(name, chance.randrange(2**32), report)
        played += 1
        sys.stdout.write(f"{name}: {report.kills} kills, {len(report.violations)} violations\n")
        sys.stdout.flush()


async def play_noting(name: str, seed: int, report: Report) -> None:
    """Play one scene; one that breaks off is in the report, and the next comes all the same."""
    size = KILLS_PER_SCENE if "killed" in name else CHATS_PAUSED if "paused" in name else FAULTS_PER_SCENE
    try:
        await play(name, seed, size, report)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a violation already
        sys.stdout.write(f"{name}: {error!r}\n")


if __name__ == "__main__":
    sys.exit(main())
