"""Results: written as one flat JSON object, read back with care, two of them compared."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias, cast

import asyncpg

from chat_memory import __version__
from chat_memory.lab.errors import UnreadableResultsError, UnwritableResultsError
from chat_memory.storage.faults import translated

LIBRARIES = ("anyio", "asyncpg", "mcp", "uvloop", "pgqueuer", "procrastinate")
Numbers: TypeAlias = dict[str, float | str]
"""What was measured: flat dotted keys."""
CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Line:
    """One key of two results; None where a result lacks it. `ratio` is after / before, of numbers only."""

    key: str
    before: float | str | None
    after: float | str | None
    ratio: float | None


async def describe_machine(server_url: str) -> Numbers:
    """Name what the numbers depend on: `machine.*`."""
    with translated(server_url):
        connection = await asyncpg.connect(server_url)
        try:
            postgres = str(await connection.fetchval("show server_version"))
        finally:
            await connection.close()
    facts: Numbers = {
        "cpus": os.cpu_count() or 0,
        "cpu": name_cpu(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": postgres,
        "chat_memory": __version__,
        "load_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
    }
    for library in LIBRARIES:
        try:
            facts[library] = version(library)
        except PackageNotFoundError:
            continue
    return {f"machine.{name}": fact for name, fact in facts.items()}


def name_cpu() -> str:
    """Name the processor."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def write_results(path: Path, numbers: Numbers) -> None:
    """Write results, sorted as they were measured.

    Raises:
        UnwritableResultsError: there is no room, or no way.
    """
    write_text(path, json.dumps(numbers, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file of results.

    Raises:
        UnwritableResultsError: there is no room, or no way.
    """
    try:
        path.write_text(text)
    except OSError as error:
        raise UnwritableResultsError(file=path.name, problem=error.strerror or type(error).__name__) from None


def read_results(path: Path) -> Numbers:
    """Read what `write_results` wrote.

    Raises:
        UnreadableResultsError: it did not write this.
    """
    return check_numbers(path, read_object(path))


def read_object(path: Path) -> dict[str, object]:
    """Read a file that holds one JSON object.

    Raises:
        UnreadableResultsError: it holds none.
    """
    try:
        read: object = json.loads(path.read_text())
    except OSError as error:
        raise UnreadableResultsError(file=path.name, problem=error.strerror or type(error).__name__) from None
    except ValueError as error:
        raise UnreadableResultsError(file=path.name, problem=f"it is not JSON ({error})") from None
    if not isinstance(read, dict):
        raise UnreadableResultsError(file=path.name, problem="it is not an object of keys and numbers")
    return cast("dict[str, object]", read)


def check_numbers(path: Path, entries: Mapping[str, object]) -> Numbers:
    """Take what a file holds as numbers and texts.

    Raises:
        UnreadableResultsError: something else is among them.
    """
    for key, value in entries.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise UnreadableResultsError(file=path.name, problem=f"{key} is neither a number nor a text")
    return cast("Numbers", dict(entries))


def compare(before: Mapping[str, float | str], after: Mapping[str, float | str]) -> list[Line]:
    """Put two results side by side, in the order of the first; a text only where it differs."""
    lines: list[Line] = []
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if isinstance(old, str) and old == new:
            continue
        ratio = new / old if isinstance(old, int | float) and isinstance(new, int | float) and old else None
        lines.append(Line(key, old, new, ratio))
    return lines
