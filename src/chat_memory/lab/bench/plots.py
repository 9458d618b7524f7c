"""The benchmark's two pictures: which keys they show, under which names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

from chat_memory.lab.bench.ground import Numbers
from chat_memory.lab.bench.results import read_results
from chat_memory.lab.errors import NothingToDrawError, UnwritablePlotsError
from chat_memory.lab.plots import Bars, Entry, Group, draw_bars

OURS = "chat-memory"
PEERS = ("pgqueuer", "procrastinate")
FLOOR = "this disk and PostgreSQL"
OTHERS = "other queues"
SPREAD = ("p50", "p99")


@dataclass(frozen=True, slots=True)
class Line:
    """A line to draw: the key of each series."""

    heading: str
    label: str
    keys: Mapping[str, str]


def spread(heading: str, label: str, prefix: str) -> Line:
    """Draw a middle and a tail."""
    return Line(heading, label, {name: f"{prefix}{name}_ms" for name in SPREAD})


COMMITS = "Commits of one row"
APPENDS = "Durable appends"
DRAINS = "Drains by one worker"
PICKUPS = "From a write to its effect"
RATES = (
    *(
        Line(COMMITS, f"{conns} connection{'s' * (conns > 1)}", {FLOOR: f"commit_floor.conns_{conns}.per_s"})
        for conns in (1, 8, 32)
    ),
    *(
        Line(APPENDS, f"{callers:,} caller{'s' * (callers > 1)}", {OURS: f"append.callers_{callers}.per_s"})
        for callers in (1, 10, 100, 1000)
    ),
    *(
        Line(DRAINS, f"turns of {chats:,} chats", {OURS: f"drain.chats_{chats}.turns_per_s"})
        for chats in (20_000, 1_000)
    ),
    *(Line(DRAINS, f"no-op jobs, {peer}", {OTHERS: f"peers.{peer}.drain_per_s"}) for peer in PEERS),
)
LATENCIES = (
    spread(PICKUPS, "a turn is in the memory", "visible."),
    *(spread(PICKUPS, f"a job starts, {peer}", f"peers.{peer}.pickup_") for peer in PEERS),
    *(
        spread(f"A call over {name}", label, f"transport.{transport}.{tool}_")
        for transport, name in (("stdio", "stdio"), ("http", "HTTP"))
        for tool, label in (
            ("noop", "a tool that does nothing"),
            ("get_memory", "get_memory"),
            ("update_memory", "update_memory"),
        )
    ),
)
PICTURES: Mapping[str, tuple[Bars, tuple[Line, ...]]] = {
    "throughput": (
        Bars("Throughput", "rows, turns or jobs a second (more is better)", (FLOOR, OURS, OTHERS), ()),
        RATES,
    ),
    "latency": (Bars("Latency", "milliseconds (less is better)", SPREAD, ()), LATENCIES),
}


def plot(results: Path, folder: Path) -> list[Path]:
    """Draw a file of results into a folder, which is made if need be, and return what was written.

    What a run did not measure is left out, and so is a picture it measured nothing of.

    Raises:
        UnreadableResultsError: the file holds no results.
        NothingToDrawError: none of its keys is in a picture.
        NoMatplotlibError: matplotlib is not installed.
        UnwritablePlotsError: the folder cannot be made or written.
    """
    drawings = {f"{name}.svg": draw_bars(bars) for name, bars in choose_bars(read_results(results)).items()}
    if not drawings:
        raise NothingToDrawError(file=results.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, drawing in drawings.items():
            (folder / name).write_text(drawing, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UnwritablePlotsError(folder=folder, problem=error.strerror or type(error).__name__) from None
    return [folder / name for name in drawings]


def choose_bars(numbers: Numbers) -> dict[str, Bars]:
    """Fill each picture that has something to show."""
    filled = {name: (bars, fill(lines, numbers)) for name, (bars, lines) in PICTURES.items()}
    note = describe_run(numbers)
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


def describe_run(numbers: Numbers) -> str:
    """Name the machine in a line, and say when the sizes were too small to mean anything."""
    facts = (("machine.cpus", "{} cores"), ("machine.cpu", "{}"), ("machine.postgresql", "PostgreSQL {}"))
    named = [words.format(numbers[key]) for key, words in facts if key in numbers]
    quick = ["small sizes: measures nothing"] if numbers.get("machine.sizes") == "quick" else []
    return ", ".join([*named, *quick])
