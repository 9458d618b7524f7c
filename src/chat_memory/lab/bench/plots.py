"""The benchmark's two pictures: which keys they show, under which names."""

from pathlib import Path

from chat_memory.lab.pictures import Drawn, Line, Pictures, draw_pictures
from chat_memory.lab.plots import Bars
from chat_memory.lab.results import Numbers, read_results

OURS = "chat-memory"
PEERS = ("pgqueuer", "procrastinate")
FLOOR = "this disk and PostgreSQL"
OTHERS = "other queues"
SPREAD = ("p50", "p99")


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
PICTURES: Pictures = {
    "throughput": (
        Bars("Throughput", "rows, turns or jobs a second (more is better)", (FLOOR, OURS, OTHERS), ()),
        RATES,
    ),
    "latency": (Bars("Latency", "milliseconds (less is better)", SPREAD, ()), LATENCIES),
}


def plot(results: Path, folder: Path) -> list[Path]:
    """Draw a file of results into a folder, which is made if need be, and return what was written.

    Raises:
        LabError: there is nothing to draw from, with, or into.
    """
    numbers = read_results(results)
    return draw_pictures(PICTURES, Drawn(results.name, numbers, describe_run(numbers)), folder)


def describe_run(numbers: Numbers) -> str:
    """Name the machine in a line, and say when the sizes were too small to mean anything."""
    facts = (("machine.cpus", "{} cores"), ("machine.cpu", "{}"), ("machine.postgresql", "PostgreSQL {}"))
    named = [words.format(numbers[key]) for key, words in facts if key in numbers]
    quick = ["small sizes: measures nothing"] if numbers.get("machine.sizes") == "quick" else []
    return ", ".join([*named, *quick])
