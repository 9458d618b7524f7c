"""The suites by name, with the sets each of them needs."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from chat_memory.lab.errors import MissingSetError
from chat_memory.lab.evaluation import dialogue_state, injection, long_chat, model, personas, redaction
from chat_memory.lab.evaluation.finding import Finding
from chat_memory.lab.evaluation.study import Study

Measure: TypeAlias = Callable[[Study], Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Suite:
    """What is measured, and the folders without which it is not."""

    measure: Measure
    sets: tuple[str, ...] = ()


SUITES: Mapping[str, Suite] = {
    "dialogue_state": Suite(dialogue_state.measure, ("sgd", "multiwoz21")),
    "long_chat": Suite(long_chat.measure, ("beam_100k",)),
    "injection": Suite(injection.measure, ("bipia",)),
    "redaction": Suite(redaction.measure, ("pii",)),
    "personas": Suite(personas.measure),
    "model": Suite(model.measure),
}


def check_sets(names: Iterable[str], data_dir: Path) -> None:
    """Find a missing set now, not when the suites before it are measured.

    Raises:
        MissingSetError: one is not there.
    """
    for name in [folder for suite in names for folder in SUITES[suite].sets]:
        if not (data_dir / name).is_dir():
            raise MissingSetError(name=name, data_dir=data_dir)
