"""Make an environment for this project, or see that it is current. Needs nothing but Python and git's checkout.

Called by `scripts/environment`, which picks the Python: the one that runs this is the one the environment gets.
"""

import argparse
import fcntl
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
STAMP = "chat-memory-stamp"


def main() -> int:
    """Make the environment and return 0; with `--is-current` only say so, by the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--extra", default="", help="install this extra of the project too")
    parser.add_argument("--is-current", action="store_true")
    arguments = parser.parse_args()
    if arguments.is_current:
        return 0 if is_current(arguments.folder) else 1
    # The kernel frees the lock of a killed process. pip and uv inherit it, so one that outlives us still holds it.
    with arguments.folder.with_name(f"{arguments.folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return 0 if is_current(arguments.folder) else make(arguments.folder, arguments.extra, lock)


def wanted() -> str:
    """Return a digest of what an environment is made from: this Python, this place, the constraints and the project."""
    project = read_project()
    parts = {name: project.get(name) for name in ("build-system", "project", "dependency-groups")}
    parts["hatch"] = project["tool"]["hatch"]
    parts["python"] = [platform.python_implementation(), platform.python_version()]
    parts["place"] = str(ROOT)
    parts["constraints"] = CONSTRAINTS.read_text()
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_project() -> dict[str, Any]:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def is_current(folder: Path) -> bool:
    """Tell whether the environment was finished, from what is wanted now."""
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text() == wanted()


def make(folder: Path, extra: str, lock: TextIO) -> int:
    """Make the environment from nothing; its stamp is the last thing written, so a half-made one is never current."""
    uv = shutil.which("uv")
    tool = "uv" if uv else "venv and pip"
    sys.stderr.write(f"Making {folder.name} with {tool}, Python {platform.python_version()} ...\n")
    stamp = wanted()
    project = f".[{extra}]" if extra else "."
    if folder.exists():
        shutil.rmtree(folder)
    # The dev group brings hatchling, so the second install builds the project without fetching anything unpinned.
    for command in with_uv(uv, folder, project) if uv else with_pip(folder, project):
        done = subprocess.run(command, cwd=ROOT, check=False, pass_fds=[lock.fileno()])
        if done.returncode:
            sys.stderr.write(f"Failed: {' '.join(command)}\n")
            return 1
    (folder / STAMP).write_text(stamp)
    return 0


def base_python() -> str:
    """Return the installed Python behind this one, which may belong to the very environment about to be removed."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


def with_uv(uv: str, folder: Path, project: str) -> list[list[str]]:
    """Return the commands that make the environment with uv."""
    python = str(folder / "bin" / "python")
    install = [uv, "pip", "install", "--quiet", "--python", python, "--constraints", str(CONSTRAINTS)]
    return [
        [uv, "venv", "--quiet", "--no-python-downloads", "--no-project", "--python", base_python(), str(folder)],
        [*install, "--group", "dev"],
        [*install, "--no-build-isolation", "--editable", project],
    ]


def with_pip(folder: Path, project: str) -> list[list[str]]:
    """Return the commands that make the environment with what Python ships."""
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    install = [*pip, "install", "-qq", "--constraint", str(CONSTRAINTS)]
    return [
        [base_python(), "-m", "venv", str(folder)],
        # pip knows dependency groups from 25.1 on, Python 3.11 ships 23.2: hand it the names.
        [*install, *read_project()["dependency-groups"]["dev"]],
        [*install, "--no-build-isolation", "--editable", project],
    ]


if __name__ == "__main__":
    sys.exit(main())
