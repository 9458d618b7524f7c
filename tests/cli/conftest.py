"""The program, run as its users run it: a process with arguments and an environment."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.folders import open_folder

PATIENCE_SECONDS = 60.0  # for what takes less than ten: only a broken test waits so long


@dataclass(frozen=True, slots=True)
class Program:
    """`chat-memory` in an environment of its own."""

    environment: dict[str, str]

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        """Start it with these arguments and more settings."""
        return subprocess.Popen(
            [sys.executable, "-m", "chat_memory", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment | settings,
        )

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        process = self.start(*arguments, **settings)
        return finish(process)


def finish(
    process: subprocess.Popen[str], number: signal.Signals | None = None, *, seconds: float = PATIENCE_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Wait for the end of a process, after sending it a signal if one is named."""
    if number is not None:
        process.send_signal(number)
    try:
        stdout, stderr = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


@pytest.fixture
def on_database(environment: dict[str, str]) -> Program:
    """The program on this test's database."""
    return Program(environment)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder everybody may enter."""
    with open_folder() as made:
        yield made


@pytest.fixture
def alone(folder: Path) -> Program:
    """The program with nothing but a new data folder, and a folder for temporary things that a test can look into."""
    source = Path(__file__).parents[2] / "src"
    return Program(
        {
            "CHAT_MEMORY_DATA_DIR": str(folder / "data"),
            "TMPDIR": str(folder),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(source),
        }
    )
