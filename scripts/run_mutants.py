"""Plant one fault after the other in a copy of this tree and see its tests turn red. Run through scripts/mutants."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
LIST = Path("tests/mutants/mutants.toml")
COPIED = ("pyproject.toml", "constraints.txt", "src", "tests", "docs", "scripts")
COPIES = 2
"""So many mutants run side by side, each in a copy of its own."""
SECONDS = 300
"""A mutant that makes its tests run longer than this is an error: the suite should say no, not hang."""
PYTEST_FAILED = 1


class StaleMutantError(Exception):
    """A mutant's old text does not stand exactly once in its file: the code has moved, so must the mutant."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement."""

    file: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Plant it in a tree.

        Raises:
            StaleMutantError: the file is not there, or does not hold the old text exactly once.
        """
        path = root / self.file
        text = path.read_text() if path.is_file() else ""
        if text.count(self.old) != 1:
            raise StaleMutantError(f"{self.file} holds {text.count(self.old)} times: {self.old.strip()}")
        path.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault, and the tests that must notice it."""

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    short: bool

    def apply(self, root: Path) -> None:
        """Plant all of it."""
        for edit in self.edits:
            edit.apply(root)

    def withdraw(self, root: Path) -> None:
        """Put the files back as they are here."""
        for edit in self.edits:
            shutil.copy2(ROOT / edit.file, root / edit.file)


def read_mutants(root: Path = ROOT) -> list[Mutant]:
    """Read the list."""
    told = tomllib.loads((root / LIST).read_text())["mutant"]
    return [
        Mutant(
            item["name"], tuple(Edit(**edit) for edit in item["edit"]), tuple(item["tests"]), item.get("short", False)
        )
        for item in told
    ]


def main() -> int:
    """Run the chosen mutants and return 0 when every one of them was caught."""
    parser = argparse.ArgumentParser(prog="scripts/mutants", description="Plant faults and see the tests turn red.")
    parser.add_argument("--short", action="store_true", help="those marked short, as CI does")
    parser.add_argument("--only", metavar="WORDS", default="", help="those whose name holds these words")
    given = parser.parse_args()
    chosen = [mutant for mutant in read_mutants() if given.only in mutant.name and (mutant.short or not given.short)]
    if not chosen:
        parser.error(f"no mutant's name holds {given.only!r}")
    begun = time.monotonic()
    survived = run(chosen)
    caught = len(chosen) - len(survived)
    sys.stdout.write(f"{caught} of {len(chosen)} mutants caught in {time.monotonic() - begun:.0f} s\n")
    return 1 if survived else 0


def run(mutants: Sequence[Mutant]) -> list[Mutant]:
    """Run mutants side by side, each alone in its copy, and return those that were not caught."""
    with tempfile.TemporaryDirectory(prefix="chat-memory-mutants-") as scratch:
        Path(scratch).chmod(0o755)  # as root PostgreSQL runs as another user, who must get through
        free: SimpleQueue[Path] = SimpleQueue()
        for number in range(COPIES):
            free.put(copy_tree(Path(scratch) / str(number)))

        def try_one(mutant: Mutant) -> bool:
            root = free.get()
            try:
                return is_caught(mutant, root)
            finally:
                free.put(root)

        with ThreadPoolExecutor(COPIES) as pool:
            return [mutant for mutant, caught in zip(mutants, pool.map(try_one, mutants), strict=True) if not caught]


def copy_tree(target: Path) -> Path:
    """Copy what tests need."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(exist_ok=True)
            shutil.copy2(source, target)
    return target


def is_caught(mutant: Mutant, root: Path) -> bool:
    """Plant a mutant, run its tests, say how that went, and put everything back."""
    begun = time.monotonic()
    try:
        mutant.apply(root)
        caught, words = judge(mutant.tests, root)
    except StaleMutantError as error:
        caught, words = False, f"{error} (the code has moved: so must the mutant)"
    finally:
        mutant.withdraw(root)
    outcome = "caught" if caught else "NOT CAUGHT"
    sys.stdout.write(f"{outcome}: {mutant.name}, {time.monotonic() - begun:.1f} s: {words}\n")
    sys.stdout.flush()
    return caught


def judge(tests: Sequence[str], root: Path) -> tuple[bool, str]:
    """Run tests until the first that fails; True and its name, or False and what happened instead."""
    # The sources of the copy come before those of an editable installation.
    command = ["env", f"PYTHONPATH={root / 'src'}{os.pathsep}{root}", "PYTHONDONTWRITEBYTECODE=1"]
    command += [sys.executable, "-m", "pytest", "--exitfirst", "--quiet", "-p", "no:cacheprovider", "--tb=line", *tests]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return False, f"its tests do not end within {SECONDS} s"
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    if done.returncode == PYTEST_FAILED and failed:
        return True, failed[0].removeprefix("FAILED ").partition(" - ")[0]
    lines = (done.stdout + done.stderr).strip().splitlines()
    return False, lines[-1] if lines else f"exit code {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
