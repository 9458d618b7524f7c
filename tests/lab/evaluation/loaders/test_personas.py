"""Persona summaries: tiny files as the Multi-Session Chat has them."""

import json
from pathlib import Path

from chat_memory.lab.evaluation.loaders import personas

EPISODE: dict[str, object] = {
    "dialog": [
        {"id": "Speaker 1", "text": "I keep bees.", "persona_text": "I keep bees.", "problem_data": {}},
        {"id": "Speaker 2", "text": "I bake.", "persona_text": "I bake bread."},
        {"id": "Speaker 1", "text": "Nice!"},
    ],
    "initial_data_id": "valid_7",
    "init_personachat": {"init_personas": [["I keep bees."], []]},
}


def test_lines_about_the_first_speaker_are_facts_of_the_user(tmp_path: Path) -> None:
    """Fails when the other speaker's lines count too."""
    (tmp_path / "session_1.jsonl").write_text(json.dumps(EPISODE) + "\n\n")
    (chat,) = personas.read(tmp_path)
    assert (chat.id, chat.pair) == ("session_1.jsonl/valid_7", "valid_7")
    assert [message.role for message in chat.messages] == ["user", "assistant", "user"]
    assert chat.lines == {0: "I keep bees."}


def test_the_folders_parlai_unpacks_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "session_2").mkdir()
    (tmp_path / "session_2" / "test.txt").write_text(json.dumps(EPISODE))
    assert [chat.id for chat in personas.read(tmp_path)] == ["session_2/test.txt/valid_7"]
