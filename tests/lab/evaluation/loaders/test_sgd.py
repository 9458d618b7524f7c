"""Schema-guided dialogues, as published and packed into lines."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from chat_memory.lab.errors import BrokenSetError
from chat_memory.lab.evaluation.labelled import Given
from chat_memory.lab.evaluation.loaders.sgd import read


def turn(
    speaker: str, said: str, *actions: tuple[str, str], state: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    """A turn with one frame."""
    frame: dict[str, Any] = {
        "service": "Llamas_1",
        "actions": [{"act": act, "slot": "stable", "values": [value] if value else []} for act, value in actions],
    }
    if state is not None:
        frame["state"] = {"active_intent": "Rent", "slot_values": state}
    return {"speaker": speaker, "utterance": said, "frames": [frame]}


DIALOGUE = {
    "dialogue_id": "1_1",
    "services": ["Llamas_1"],
    "turns": [
        turn("USER", "A stable in Oslo.", ("INFORM", "Oslo"), ("REQUEST", "big"), state={"stable": ["Oslo"]}),
        turn("SYSTEM", "In Oslo?", ("CONFIRM", "Oslo")),
        turn("USER", "No, in Lima.", ("INFORM", "Lima"), ("NEGATE", ""), state={"stable": ["Lima", "lima"]}),
        turn("SYSTEM", "In Lima?", ("CONFIRM", "Lima")),
    ],
}


@pytest.mark.parametrize("packed", [False, True])
def test_both_forms_are_read(tmp_path: Path, *, packed: bool) -> None:
    """Fails without a line of _label."""
    if packed:
        (tmp_path / "dev.jsonl.gz").write_bytes(gzip.compress(json.dumps(DIALOGUE).encode()))
    else:
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev" / "dialogues_001.json").write_text(json.dumps([DIALOGUE]))
        (tmp_path / "dev" / "schema.json").write_text("[]")
    (dialogue,) = read(tmp_path, "dev")
    assert dialogue.id == "1_1"
    assert [(saying.role, saying.text) for saying in dialogue.sayings][:2] == [
        ("user", "A stable in Oslo."),
        ("assistant", "In Oslo?"),
    ]
    assert dialogue.final == {"Llamas_1 stable": ["Lima", "lima"]}
    assert dialogue.informed == [Given("Oslo", 1), Given("Lima", 3)]
    assert (dialogue.asked, dialogue.denied) == (["big"], ["Oslo"])
    assert [value for _, value in dialogue.earlier] == ["Oslo", "Lima", "lima"]


def test_a_split_that_is_missing_or_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokenSetError, match=r"no file test\.jsonl"):
        read(tmp_path, "test")
    (tmp_path / "dev.jsonl").write_text('{"dialogue_id": 1}\n')
    with pytest.raises(BrokenSetError, match=r"dev\.jsonl"):
        read(tmp_path, "dev")
