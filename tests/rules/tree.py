"""A copy of this project's tree, in which a law can be broken and the project's own checks asked about it."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("src/chat_memory")


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder with pyproject.toml, scripts and sources, checked with the environment that runs the tests."""

    root: Path

    def plant(self, path: str, text: str) -> None:
        """Write a file into the copy."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def check(self, name: str) -> str:
        """Run one check as `scripts/check` does and return what it printed: nothing was wrong when it says so."""
        return self.run("scripts/check", name)

    def run(self, script: str, *arguments: str, ci: str = "") -> str:
        """Run one of the project's scripts in the copy and return what it printed."""
        command = ["env", f"VENV={sys.prefix}", f"CI={ci}", str(self.root / script), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        return f"{done.stdout}{done.stderr}\nexit code {done.returncode}"


def copy_tree(target: Path, *sources: Path) -> Tree:
    """Copy the project's configuration, its scripts and the named files or folders."""
    for source in (Path("pyproject.toml"), Path("constraints.txt"), Path("scripts"), *sources):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (target / source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / source, target / source)
    return Tree(target)
