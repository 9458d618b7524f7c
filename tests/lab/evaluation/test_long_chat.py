"""The suite long_chat on a tiny set: every way, every size, by the product's own way."""

import json
from pathlib import Path

import pytest

from chat_memory.lab.evaluation import long_chat
from chat_memory.lab.evaluation.loaders.chats import LongChat, Question
from chat_memory.lab.evaluation.long_chat import BUDGETS, fit_turns, keep_user, measure
from chat_memory.lab.evaluation.study import Study
from chat_memory.models import Message

WAYS = ("plain", "query", "scratch", "last_n", "random")


def test_only_what_the_user_said_is_kept() -> None:
    """Fails when places are not those among the user's turns."""
    said = [
        Message(role="user", content="a"),
        Message(role="assistant", content="b"),
        Message(role="user", content="c"),
    ]
    asked = (Question("1", "c?", "x", (1, 2)), Question("2", "b?", "x", (1,)))
    kept = keep_user(LongChat("chat", tuple(said), asked))
    assert kept.turns == ("a", "c")
    assert [(question.id, question.evidence) for question in kept.questions] == [("1", (1,))]


def test_turns_are_taken_until_the_room_is_full() -> None:
    """Fails when the rest of the room is left empty, or code takes part of it."""
    turns = ["```\nx = 1\n```\nferry north", "boat " * 50, "harbour"]
    assert fit_turns(iter(turns), 20) == [frozenset({"ferry", "north"}), frozenset({"boat"})]
    assert fit_turns(iter(turns), 500)[-1] == {"harbour"}


async def test_a_question_is_asked_in_every_way(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "beam_100k" / "1"
    folder.mkdir(parents=True)
    said = [f"On day {number} we spoke of clouds and of {number * 17} loaves, my friend." for number in range(90)]
    said[20] = "I moved the ferry to Larsholm to 06:40."
    turns = [[{"role": "user", "id": number, "content": text}] for number, text in enumerate(said)]
    (folder / "chat.json").write_text(json.dumps([{"turns": turns}]))
    asked = {"x": [{"question": "When does the ferry leave?", "source_chat_ids": [20]}]}
    (folder / "probing_questions.json").write_text(json.dumps(asked))
    monkeypatch.setattr(long_chat, "BUDGETS", (512,))
    finding = await measure(Study(tmp_path, server_url, half="all"))
    told = finding.tell()
    assert {key for key in told if key.endswith(".recall")} == {f"{way}.tokens_512.recall" for way in WAYS}
    assert (told["n"], finding.cases) == (1, {"beam": 1})
    assert (told["query.tokens_512.recall"], told["query.tokens_512.oldest"]) == (1, 1)
    assert told["last_n.tokens_512.recall"] == 0
    assert (finding.checks.over_cap, finding.checks.memories) == (0, 45)


def test_sizes_are_those_that_are_reported() -> None:
    assert BUDGETS == (512, 1024, 2048, 4096)
