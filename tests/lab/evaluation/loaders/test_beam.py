"""BEAM's files, made by hand as theirs are."""

import gzip
import json
from pathlib import Path

import pytest

from chat_memory.lab.errors import BrokenSetError
from chat_memory.lab.evaluation.loaders import beam

CHAT = [
    {"batch_number": 1, "turns": [[{"role": "user", "id": 0, "content": "My boat is red. ->-> 1,1"}]]},
    {"turns": [[{"role": "assistant", "id": 1, "content": "Nice."}, {"role": "user", "id": 2, "content": "a ->-> b"}]]},
]
QUESTIONS = {
    "abstention": [{"question": "What of the moon?"}],
    "listed": [{"question": "Which boat?", "source_chat_ids": [2, [0, 9]]}],
    "named": [{"question": "Which colour?", "source_chat_ids": {"first": [0], "second": [1]}}],
}


def write_chat(folder: Path, name: str, questions: object = QUESTIONS) -> None:
    """Write a chat's two files, one of them compressed."""
    (folder / name).mkdir()
    (folder / name / "chat.json").write_text(json.dumps(CHAT))
    (folder / name / "probing_questions.json.gz").write_bytes(gzip.compress(json.dumps(questions).encode()))


def test_chats_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Fails when marks are kept, sources are not flattened, or a question that nothing answers is asked."""
    write_chat(tmp_path, "10")
    write_chat(tmp_path, "2")
    chats = beam.read(tmp_path)
    assert [chat.id for chat in chats] == ["2", "10"]
    assert [message.content for message in chats[0].messages] == ["My boat is red.", "Nice.", "a ->-> b"]
    told = [(question.id, question.text, question.kind, question.evidence) for question in chats[0].questions]
    assert told == [
        ("2/listed/0", "Which boat?", "listed", (0, 2)),
        ("2/named/0", "Which colour?", "named", (0, 1)),
    ]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    write_chat(tmp_path, "1", {"listed": [{"difficulty": "easy"}]})
    with pytest.raises(BrokenSetError, match=r"probing_questions.json.gz .*listed.0.question"):
        beam.read(tmp_path)
