"""Results of an evaluation: flat keys as the benchmark's, and beside them the cases every share was pooled from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from pydantic import TypeAdapter, ValidationError

from chat_memory.lab.errors import UnreadableResultsError
from chat_memory.lab.evaluation.finding import Share
from chat_memory.lab.results import Numbers, check_numbers, read_object, write_text

Samples: TypeAlias = dict[str, Mapping[str, Share]]
"""What each case added to a figure, by the figure's whole key and the case's id."""
SAMPLES = "samples"
SHAPE = TypeAdapter(dict[str, dict[str, Share]])


@dataclass(frozen=True, slots=True)
class Results:
    """What a run found."""

    numbers: Numbers = field(default_factory=dict[str, float | str])
    samples: Samples = field(default_factory=dict[str, Mapping[str, Share]])


def write_results(path: Path, results: Results) -> None:
    """Write one JSON object: the flat keys, and `samples` by key and case, each hits and of how many.

    Raises:
        UnwritableResultsError: there is no room, or no way.
    """
    write_text(path, json.dumps({**results.numbers, SAMPLES: results.samples}, indent=1) + "\n")


def read_results(path: Path) -> Results:
    """Read what `write_results` wrote.

    Raises:
        UnreadableResultsError: it did not write this.
    """
    entries = read_object(path)
    try:
        samples = SHAPE.validate_python(entries.pop(SAMPLES, {}))
    except ValidationError:
        raise UnreadableResultsError(file=path.name, problem="its samples are no shares of cases") from None
    return Results(check_numbers(path, entries), {**samples})
