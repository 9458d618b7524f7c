"""MultiWOZ as ConvLab-2 writes it."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chat_memory.lab.errors import BrokenSetError
from chat_memory.lab.evaluation.labelled import Given, Saying
from chat_memory.lab.evaluation.loaders.multiwoz import read


def belief(**slots: str) -> dict[str, Any]:
    """The belief state of an assistant's turn."""
    return {"llama": {"book": {"booked": [{"name": "x"}]}, "semi": slots}}


LOG = [
    {"text": "I do n't mind , in Oslo .", "metadata": {}, "dialog_act": {"Llama-Inform": [["City", "oslo"]]}},
    {"text": "Fine .", "metadata": belief(city="oslo", color=""), "dialog_act": {"Llama-Inform": [["City", "oslo"]]}},
    {"text": "Lima then .", "metadata": {}, "dialog_act": {"Llama-Inform": [["City", "lima"]]}},
    {"text": "Fine .", "metadata": belief(city="lima"), "dialog_act": {}},
]  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
def test_both_forms_are_read(tmp_path: Path, *, packed: bool) -> None:
    """Fails without a line of _label or _state."""
    text = json.dumps({"A1": {"goal": {}, "log": LOG}})
    if packed:
        with zipfile.ZipFile(tmp_path / "val.json.zip", "w") as archive:
            archive.writestr("val.json", text)
    else:
        (tmp_path / "val.json").write_text(text)
    (dialogue,) = read(tmp_path, "val")
    assert dialogue.id == "A1"
    assert dialogue.sayings[:2] == [Saying("user", "I don't mind, in Oslo."), Saying("assistant", "Fine.")]
    assert dialogue.final == {"llama city": ["lima"]}
    assert dialogue.informed == [Given("oslo", 1), Given("lima", 3)]
    assert dialogue.earlier == [("llama city", "oslo"), ("llama city", "lima")]


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "val.json").write_text("[]")
    with pytest.raises(BrokenSetError, match=r"val\.json"):
        read(tmp_path, "val")
