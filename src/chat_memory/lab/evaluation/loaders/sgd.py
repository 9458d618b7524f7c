"""Schema-guided dialogues: `dialogues_*.json` of a split's folder, or one dialogue per line, compressed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chat_memory.lab.evaluation.labelled import Given, Labelled, Saying
from chat_memory.lab.evaluation.loaders.files import read_json, read_json_lines

_Turn = Mapping[str, Any]


def load_sgd(folder: Path, split: str = "dev") -> Iterator[Labelled]:
    """Load a split: `<split>/dialogues_*.json` or `<split>.jsonl.gz`, in the order of the files."""
    for raw in _read(folder, split):
        yield _label(raw)


def _read(folder: Path, split: str) -> Iterator[Mapping[str, Any]]:
    packed = folder / f"{split}.jsonl.gz"
    if packed.exists():
        yield from read_json_lines(packed)
        return
    for file in sorted((folder / split).glob("dialogues_*.json")):
        yield from read_json(file)


def _label(raw: Mapping[str, Any]) -> Labelled:
    turns: Sequence[_Turn] = raw["turns"]
    states = list(_states(turns))
    final = {slot: values for state in states for slot, values in state.items()}
    held = dict.fromkeys(value for state in states for values in state.values() for value in values)
    return Labelled(
        id=raw["dialogue_id"],
        sayings=[Saying("user" if _is_user(turn) else "assistant", turn["utterance"]) for turn in turns],
        final=final,
        informed=[
            Given(value, seq)
            for seq, turn in enumerate(turns, start=1)
            if _is_user(turn)
            for value in _values(turn, "INFORM")
        ],
        asked=[value for turn in turns if _is_user(turn) for value in _values(turn, "REQUEST")],
        denied=list(_denied(turns)),
        earlier=list(held),
    )


def _states(turns: Sequence[_Turn]) -> Iterator[dict[str, list[str]]]:
    for turn in turns:
        for frame in turn["frames"]:
            if "state" in frame:
                yield {
                    f"{frame['service']} {slot}": values for slot, values in frame["state"]["slot_values"].items()
                }


def _denied(turns: Sequence[_Turn]) -> Iterator[str]:
    """Find what the assistant asked the user to confirm, and the user did not."""
    for before, turn in zip(turns, turns[1:], strict=False):
        if _is_user(turn) and "NEGATE" in _acts(turn):
            yield from _values(before, "CONFIRM")


def _is_user(turn: _Turn) -> bool:
    return turn["speaker"] == "USER"


def _actions(turn: _Turn) -> Iterator[Mapping[str, Any]]:
    for frame in turn["frames"]:
        yield from frame["actions"]


def _acts(turn: _Turn) -> set[str]:
    return {action["act"] for action in _actions(turn)}


def _values(turn: _Turn, act: str) -> list[str]:
    return [value for action in _actions(turn) if action["act"] == act for value in action["values"]]
