"""Pictures of results: which keys they show, under which names, and what of a run they can show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TypeAlias

from chat_memory.lab.errors import NothingToDrawError, UnwritablePlotsError
from chat_memory.lab.plots import Bars, Entry, Group, draw_bars
from chat_memory.lab.results import Numbers


@dataclass(frozen=True, slots=True)
class Line:
    """A line to draw: the key of each series."""

    heading: str
    label: str
    keys: Mapping[str, str]


Pictures: TypeAlias = Mapping[str, tuple[Bars, tuple[Line, ...]]]
"""Bars still empty, and the lines that fill them, by the name of the file."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is to be drawn: the file the numbers are from, the numbers, and a note that stands below."""

    file: str
    numbers: Numbers
    note: str


def draw_pictures(pictures: Pictures, drawn: Drawn, folder: Path) -> list[Path]:
    """Draw results into a folder, which is made if need be, and return what was written.

    What a run did not measure is left out, and so is a picture it measured nothing of.

    Raises:
        NothingToDrawError: none of the keys is in a picture.
        NoMatplotlibError: matplotlib is not installed.
        UnwritablePlotsError: the folder cannot be made or written.
    """
    filled = fill_pictures(pictures, drawn.numbers, drawn.note)
    drawings = {f"{name}.svg": draw_bars(bars) for name, bars in filled.items()}
    if not drawings:
        raise NothingToDrawError(file=drawn.file, drawn=", ".join(list_suites(pictures)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, drawing in drawings.items():
            (folder / name).write_text(drawing, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UnwritablePlotsError(folder=folder, problem=error.strerror or type(error).__name__) from None
    return [folder / name for name in drawings]


def list_suites(pictures: Pictures) -> list[str]:
    """List the suites whose keys are in pictures, each once."""
    keys = [key for _, lines in pictures.values() for line in lines for key in line.keys.values()]
    return list(dict.fromkeys(key.partition(".")[0] for key in keys))


def fill_pictures(pictures: Pictures, numbers: Numbers, note: str) -> dict[str, Bars]:
    """Fill each picture that has something to show: what a run did not measure is left out."""
    filled = {name: (bars, fill(lines, numbers)) for name, (bars, lines) in pictures.items()}
    return {name: replace(bars, groups=groups, note=note) for name, (bars, groups) in filled.items() if groups}


def fill(lines: Iterable[Line], numbers: Numbers) -> tuple[Group, ...]:
    """Put measured values into their lines, and lines below their headings."""
    groups: dict[str, list[Entry]] = {}
    for line in lines:
        values = {series: value for series, key in line.keys.items() if (value := measured(numbers, key)) is not None}
        if values:
            groups.setdefault(line.heading, []).append(Entry(line.label, values))
    return tuple(Group(heading, tuple(entries)) for heading, entries in groups.items())


def measured(numbers: Numbers, key: str) -> float | None:
    """Return a value that a bar can have, if there is one."""
    value = numbers.get(key)
    return value if isinstance(value, int | float) and isfinite(value) and value >= 0 else None
