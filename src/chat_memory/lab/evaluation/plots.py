"""The evaluation's pictures: which keys they show, under which names."""

from pathlib import Path

from chat_memory.lab.evaluation.results import read_results
from chat_memory.lab.pictures import Drawn, Line, Pictures, draw_pictures
from chat_memory.lab.plots import Bars
from chat_memory.lab.results import Numbers

PERCENT = 100
UNIT = "percent"
SETS = {"SGD": "sgd", "MultiWOZ 2.1": "multiwoz"}
MEASURES = {
    "recall": "recall: stated values that are confirmed",
    "precision": "precision: confirmed values that were asked for",
    "stale": "stale: replaced values still confirmed",
    "false_confirmation": "false confirmation: asked, denied or replaced",
}
WAYS = {"with a query": "query", "without": "plain", "the last turns": "last_n", "random turns": "random"}
BUDGETS = (512, 1024, 2048, 4096)
PICTURES: Pictures = {
    "dialogue_state": (
        Bars("Facts of a dialogue, without a model", UNIT, tuple(SETS), ()),
        tuple(
            Line("Confirmed facts", label, {name: f"dialogue_state.{key}.{measure}" for name, key in SETS.items()})
            for measure, label in MEASURES.items()
        ),
    ),
    "long_chat": (
        Bars("Evidence of a question that a reply holds", UNIT, tuple(WAYS), ()),
        tuple(
            Line(
                "Room of the reply",
                f"{budget:,} tokens",
                {way: f"long_chat.{key}.tokens_{budget}.recall" for way, key in WAYS.items()},
            )
            for budget in BUDGETS
        ),
    ),
}


def plot(results: Path, folder: Path) -> list[Path]:
    """Draw a file of results into a folder, which is made if need be, and return what was written.

    Raises:
        LabError: there is nothing to draw from, with, or into.
    """
    numbers = read_results(results).numbers
    percents: Numbers = {key: value * PERCENT for key, value in numbers.items() if not isinstance(value, str)}
    return draw_pictures(PICTURES, Drawn(results.name, percents, describe_run(numbers)), folder)


def describe_run(numbers: Numbers) -> str:
    """Name the half, and say when it was only a part of it."""
    limited = ["a few cases only: measures nothing"] if "study.limit" in numbers else []
    return ", ".join([f"{numbers.get('study.half', 'unknown')} half of every set", *limited])
