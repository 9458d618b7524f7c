"""The suite redaction, on texts of our own."""

import json
from pathlib import Path

import pytest

from chat_memory.lab.evaluation.redaction import find_replaced, measure
from chat_memory.lab.evaluation.study import Study

WRITTEN = [
    ("mail ada@example.org now", [("EMAIL_ADDRESS", "ada@example.org")]),
    (
        "mail ada@example now, or eve@example.org",
        [("EMAIL_ADDRESS", "ada@example"), ("EMAIL_ADDRESS", "eve@example.org")],
    ),
    ("call 212-456-7890, card 4111 1111 1111 1111", [("PHONE_NUMBER", "212-456-7890")]),
]


async def test_recall_and_false_hits_are_counted_by_text(server_url: str, tmp_path: Path) -> None:
    """Fails when marks that did not give way count as found, or stretches nobody marked are not counted."""
    (tmp_path / "pii").mkdir()
    texts = [
        {
            "full_text": text,
            "spans": [
                {
                    "entity_type": kind,
                    "start_position": text.index(value),
                    "end_position": text.index(value) + len(value),
                }
                for kind, value in marks
            ],
        }
        for text, marks in WRITTEN
    ]
    (tmp_path / "pii" / "texts.json").write_text(json.dumps(texts))
    told = (await measure(Study(tmp_path, server_url, half="all"))).tell()
    assert {name: round(value, 2) for name, value in told.items() if value} == {
        "email.recall": 0.67,
        "phone.recall": 1.0,
        "false_hit_share": 0.33,
        "n": 3,
    }


def test_what_placeholders_stand_for_is_found() -> None:
    stored = "[EMAIL_0123abcd] and [PHONE_0123abcd][CARD_0123abcd], bye"
    assert find_replaced("a@b and 12, bye", stored) == [range(3), range(8, 9), range(9, 10)]


def test_a_text_that_changed_otherwise_is_no_finding() -> None:
    """Fails when find_replaced searches for what was kept: a text that lost words would be measured as redacted."""
    with pytest.raises(ValueError, match="not only redacted"):
        find_replaced("mail ada now", "mail [EMAIL_0123abcd] no")
    with pytest.raises(ValueError, match="not only redacted"):
        find_replaced("mail ada now", "mail now")
