"""Texts with marked personal data: a tiny file as presidio-research writes them."""

import json
from pathlib import Path

import pytest

from chat_memory.lab.errors import BrokenSetError
from chat_memory.lab.evaluation.loaders import personal_texts
from chat_memory.lab.evaluation.loaders.personal_texts import Mark

TEXTS: list[dict[str, object]] = [
    {
        "full_text": "Write to ada@example.org, Ada.",
        "masked": "Write to {{EMAIL_ADDRESS}}, {{PERSON}}.",
        "spans": [
            {
                "entity_type": "EMAIL_ADDRESS",
                "entity_value": "ada@example.org",
                "start_position": 9,
                "end_position": 24,
            },
            {"entity_type": "PERSON", "entity_value": "Ada", "start_position": 26, "end_position": 29},
        ],
        "template_id": 7,
    },
    {"full_text": "Nothing here.", "spans": []},
]


def test_marks_of_our_kinds_are_read(tmp_path: Path) -> None:
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS))
    one, other = personal_texts.read(tmp_path)
    assert (one.id, one.marks) == ("0", (Mark("email", 9, 24),))
    assert (other.id, other.marks) == ("1", ())


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "texts.json").write_text('{"full_text": ""}')
    with pytest.raises(BrokenSetError, match=r"texts\.json"):
        personal_texts.read(tmp_path)
