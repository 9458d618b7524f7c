"""MultiWOZ 2.1 as ConvLab-2 writes it: one JSON object of dialogues by id, each a log of turns with belief states."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chat_memory.lab.evaluation.labelled import Given, Labelled, Saying
from chat_memory.lab.evaluation.loaders.files import read_json
from chat_memory.lab.evaluation.matching import untokenize


def load_multiwoz(folder: Path, split: str = "val") -> Iterator[Labelled]:
    """Load a split: `<split>.json`, or that file in `<split>.json.zip`."""
    for name, raw in _read(folder, split).items():
        yield _label(name, raw["log"])


def _read(folder: Path, split: str) -> Mapping[str, Any]:
    plain = folder / f"{split}.json"
    return read_json(plain if plain.exists() else folder / f"{split}.json.zip")


def _label(name: str, log: Sequence[Mapping[str, Any]]) -> Labelled:
    states = [_state(turn["metadata"]) for turn in log if turn["metadata"]]
    final = {slot: [value] for slot, value in (states[-1] if states else {}).items()}
    held = dict.fromkeys(value for state in states for value in state.values())
    return Labelled(
        id=name,
        sayings=[Saying("assistant" if turn["metadata"] else "user", untokenize(turn["text"])) for turn in log],
        final=final,
        informed=[
            Given(value, seq)
            for seq, turn in enumerate(log, start=1)
            if not turn["metadata"]
            for value in _informed(turn["dialog_act"])
        ],
        earlier=list(held),
    )


def _state(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{domain} {slot}": value
        for domain, parts in metadata.items()
        for part in ("book", "semi")
        for slot, value in parts[part].items()
        if isinstance(value, str) and value not in {"", "not mentioned", "none"}
    }


def _informed(acts: Mapping[str, Sequence[Sequence[str]]]) -> Iterator[str]:
    for act, pairs in acts.items():
        if act.endswith("-Inform"):
            yield from (value for _, value in pairs)
