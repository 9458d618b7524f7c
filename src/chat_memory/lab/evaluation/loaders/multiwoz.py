"""MultiWOZ 2.1 as ConvLab-2 (thu-coai/ConvLab-2) writes it: dialogues by id, each a log of turns with belief states."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel

from chat_memory.lab.evaluation.labelled import Given, Labelled, Saying
from chat_memory.lab.evaluation.loaders.files import find_files, parse, read_json
from chat_memory.lab.evaluation.matching import untokenize

_Slots: TypeAlias = Mapping[str, object]


class _Turn(BaseModel):
    text: str
    metadata: Mapping[str, Mapping[str, _Slots]]
    """The belief state, with the assistant's turns; empty with the user's."""
    dialog_act: Mapping[str, Sequence[tuple[str, str]]] = {}


class _Log(BaseModel):
    log: Sequence[_Turn]


def read(folder: Path, split: str) -> list[Labelled]:
    """Read a split: `<split>.json`, plain or packed.

    Raises:
        BrokenSetError: it is no such file, or there is none.
    """
    files = find_files(folder, f"{split}.json*")
    raw = ((name, each.log) for file in files for name, each in parse(file, dict[str, _Log], read_json(file)).items())
    return [_label(name, log) for name, log in raw]


def _label(name: str, log: Sequence[_Turn]) -> Labelled:
    states = [dict(_state(turn.metadata)) for turn in log if turn.metadata]
    last = states[-1] if states else {}
    return Labelled(
        id=name,
        sayings=[Saying("assistant" if turn.metadata else "user", untokenize(turn.text)) for turn in log],
        final={slot: [value] for slot, value in last.items()},
        informed=[
            Given(value, seq)
            for seq, turn in enumerate(log, start=1)
            if not turn.metadata
            for act, pairs in turn.dialog_act.items()
            if act.endswith("-Inform")
            for _, value in pairs
        ],
        earlier=[held for state in states for held in state.items()],
    )


def _state(metadata: Mapping[str, Mapping[str, _Slots]]) -> Iterator[tuple[str, str]]:
    """List the slots of a belief state that have a value; what was booked is the assistant's doing."""
    for domain, parts in metadata.items():
        for slots in parts.values():
            for slot, value in slots.items():
                if isinstance(value, str) and value:
                    yield f"{domain} {slot}", value
