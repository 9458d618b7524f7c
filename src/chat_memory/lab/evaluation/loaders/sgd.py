"""Schema-guided dialogues (google-research-datasets/dstc8-schema-guided-dialogue), with acts and states of turns."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from chat_memory.lab.evaluation.labelled import Given, Labelled, Saying
from chat_memory.lab.evaluation.loaders.files import find_files, parse, read_json, read_json_lines


class _Action(BaseModel):
    act: str
    values: Sequence[str]


class _State(BaseModel):
    slot_values: Mapping[str, Sequence[str]]


class _Frame(BaseModel):
    service: str
    actions: Sequence[_Action]
    state: _State | None = None


class _Turn(BaseModel):
    speaker: Literal["USER", "SYSTEM"]
    utterance: str
    frames: Sequence[_Frame]

    def values(self, act: str) -> Iterator[str]:
        """List the values of an act, in the turn's order."""
        return (
            value for frame in self.frames for action in frame.actions if action.act == act for value in action.values
        )

    def has(self, act: str) -> bool:
        """Tell whether the turn has an act."""
        return any(action.act == act for frame in self.frames for action in frame.actions)


class _Dialogue(BaseModel):
    dialogue_id: str
    turns: Sequence[_Turn]


def read(folder: Path, split: str) -> list[Labelled]:
    """Read a split: `<split>/dialogues_*.json` as published, or `<split>.jsonl` with one dialogue a line.

    Raises:
        BrokenSetError: a file is no such file, or there is none.
    """
    if (folder / split).is_dir():
        files = find_files(folder / split, "dialogues_*.json*")
        return [_label(raw) for file in files for raw in parse(file, list[_Dialogue], read_json(file))]
    files = find_files(folder, f"{split}.jsonl*")
    return [_label(parse(file, _Dialogue, raw)) for file in files for raw in read_json_lines(file)]


def _label(raw: _Dialogue) -> Labelled:
    asked = [turn for turn in raw.turns if turn.speaker == "USER"]
    states = [state for turn in asked for state in _states(turn)]
    return Labelled(
        id=raw.dialogue_id,
        sayings=[Saying("user" if turn.speaker == "USER" else "assistant", turn.utterance) for turn in raw.turns],
        final={slot: values for state in states for slot, values in state.items()},
        informed=[
            Given(value, seq)
            for seq, turn in enumerate(raw.turns, start=1)
            if turn.speaker == "USER"
            for value in turn.values("INFORM")
        ],
        asked=[value for turn in asked for value in turn.values("REQUEST")],
        denied=list(_denied(raw.turns)),
        earlier=[(slot, value) for state in states for slot, values in state.items() for value in values],
    )


def _states(turn: _Turn) -> Iterator[Mapping[str, Sequence[str]]]:
    for frame in turn.frames:
        if frame.state is not None:
            yield {f"{frame.service} {slot}": values for slot, values in frame.state.slot_values.items()}


def _denied(turns: Sequence[_Turn]) -> Iterator[str]:
    """Find what the assistant asked the user to confirm, and the user did not."""
    for before, turn in pairwise(turns):
        if turn.speaker == "USER" and turn.has("NEGATE"):
            yield from before.values("CONFIRM")
