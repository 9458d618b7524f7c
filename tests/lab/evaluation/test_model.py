"""The suite model, played from a recording: a real HTTP server speaks the Messages API, all else is a real run's."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from chat_memory.errors import ModelRefusedError
from chat_memory.lab.errors import MissingSetError
from chat_memory.lab.evaluation.finding import Share
from chat_memory.lab.evaluation.judge import RULES, Judge, Judgement, Verdict, weigh
from chat_memory.lab.evaluation.kept_answers import KeptAnswers, Purse
from chat_memory.lab.evaluation.model import measure, read_dialogues
from chat_memory.lab.evaluation.study import Study
from chat_memory.lab.suites import run_or_stop
from chat_memory.models import Fact, Memory, Turn
from chat_memory.prompts.claude.provider import Provider
from chat_memory.settings import Settings
from tests.messages_server import Asked, MessagesServer, Reply, message, messages_server, status

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())
CALLS = len(RECORDED["folds"]) + len(RECORDED["judgements"])
KEY = "a key of the test"


class Recording:
    """Answers folds and judgements from the recording, each kind in its order."""

    def __init__(self) -> None:
        self.folds: Iterator[Any] = iter(RECORDED["folds"])
        self.judgements: Iterator[Any] = iter(RECORDED["judgements"])

    def answer(self, _: MessagesServer, asked: Asked) -> Reply:
        judging = asked.body["system"][0]["text"] == RULES
        return message(asked, json.dumps(next(self.judgements if judging else self.folds)))


@pytest.fixture
def server() -> Iterator[MessagesServer]:
    with messages_server(KEY.replace(" ", "-")) as server:
        server.always = Recording().answer
        yield server


@pytest.fixture
def study(server: MessagesServer, server_url: str, tmp_path: Path) -> Study:
    """Two dialogues, and a key for the server that stands for the provider."""
    (tmp_path / "dialogues").mkdir()
    lines = [json.dumps(dialogue) for dialogue in RECORDED["dialogues"]]
    (tmp_path / "dialogues" / "ours.jsonl").write_text("\n".join(lines))
    settings = Settings(anthropic_api_key=SecretStr(server.key), anthropic_base_url=server.url)
    return Study(tmp_path, server_url, "all", None, settings, 1.0, tmp_path / "answers")


async def test_a_recorded_run_scores_facts_and_summaries(study: Study, server: MessagesServer) -> None:
    """Fails when a dialogue is not folded or not judged, or when what the judge said is counted otherwise."""
    finding = await measure(study)
    assert server.refused == []
    assert len(server.asked) == CALLS
    figures = finding.tell()
    assert {name: round(value, 3) for name, value in figures.items() if "usd" not in name} == {
        "confirmed.precision": 1.0,
        "confirmed.outdated": 0.0,
        "inferred.precision": 0.0,
        "summary.precision": 0.667,
        "recall": 0.5,
        "failed": 0,
        "stopped": 0.0,
        "n": 2,
    }
    assert figures["usd"] == figures["paid_usd"] > 0
    assert finding.checks.facts == finding.checks.verified > 0
    assert finding.samples["recall"] == {"trip": (1, 1), "pie": (0, 1)}


async def test_what_was_asked_before_is_not_paid_again(study: Study, server: MessagesServer) -> None:
    first = await measure(study)
    again = await measure(study)
    assert len(server.asked) == CALLS
    assert again.tell() == {**first.tell(), "paid_usd": 0.0}


async def test_an_answer_is_found_again_at_another_time(study: Study, server: MessagesServer) -> None:
    """Fails when the time of a turn is part of what an answer is kept under: every run would pay."""
    provider = Provider(study.settings, Judgement)
    judge = Judge(KeptAnswers(provider, study.settings, Purse(1.0), study.answers), study.settings)
    for day in (1, 2):
        said = Turn(1, "user", attested=True, content="Hello.", created_at=datetime(2026, 5, day, tzinfo=UTC))
        await judge.judge(Memory(), [said])
    await provider.close()
    assert len(server.asked) == 1


async def test_a_run_stops_before_its_budget_is_passed(study: Study, server: MessagesServer) -> None:
    """Fails without _refuse_beyond_budget."""
    finding = await measure(replace(study, budget_usd=0.0001))
    assert (finding.n, finding.figures["stopped"], finding.figures["paid_usd"]) == (0, 1.0, 0.0)
    assert server.asked == []


async def test_without_a_key_nothing_is_asked_and_it_is_said(study: Study, server: MessagesServer) -> None:
    told: list[str] = []

    def hear(words: str, _done: int, _total: int) -> None:
        told.append(words)

    assert (await measure(replace(study, settings=Settings(), report=hear))).tell() == {"n": 0}
    assert told == ["no key is set (ANTHROPIC_API_KEY), so no model is asked and nothing is measured"]
    assert server.asked == []


async def test_a_refused_key_ends_the_run(study: Study, server: MessagesServer) -> None:
    """Fails when it counts as a dialogue without an answer: a wrong key would measure nothing, at length."""
    server.always = status(401, "authentication_error")
    with pytest.raises(ModelRefusedError, match="refused the key"):
        await run_or_stop(partial(measure, study))


async def test_a_dialogue_the_model_does_not_answer_is_counted_and_left(study: Study, server: MessagesServer) -> None:
    server.next_faults = [status(500, "api_error")]
    finding = await measure(replace(study, limit=1))
    assert (finding.n, finding.figures["failed"]) == Share(0, 1)


async def test_missing_dialogues_are_named(study: Study, tmp_path: Path) -> None:
    with pytest.raises(MissingSetError, match="There is no folder sgd"):
        await measure(replace(study, data_dir=tmp_path / "answers"))


def test_a_fact_without_a_verdict_does_not_hold() -> None:
    """Fails when the judge's silence is taken for consent."""
    facts = [
        Fact(id=name, key="a", value="b", basis="user_stated", source_seq=1, quote="b", first_version=1, last_version=1)
        for name in ("f1", "f2", "f3")
    ]
    verdicts = Verdict(id="f1", verdict="holds"), Verdict(id="f2", verdict="outdated")
    judgement = Judgement(facts=verdicts, missed=(), statements=1, unsupported=3)
    shares = weigh(Memory(user_confirmed=tuple(facts)), judgement)
    assert (shares["confirmed.precision"], shares["confirmed.outdated"]) == (Share(1, 3), Share(1, 3))
    assert shares["summary.precision"] == Share(0, 1)


def test_without_dialogues_of_ones_own_those_of_sgd_are_folded(study: Study, tmp_path: Path) -> None:
    (tmp_path / "sgd").mkdir()
    turns: list[dict[str, object]] = [
        {"speaker": speaker, "utterance": text, "frames": []}
        for speaker, text in (("USER", "Hi."), ("SYSTEM", "Hello."))
    ]
    (tmp_path / "sgd" / "dev.jsonl").write_text(json.dumps({"dialogue_id": "d1", "services": [], "turns": turns}))
    (tmp_path / "dialogues").rename(tmp_path / "elsewhere")
    (dialogue,) = read_dialogues(study)
    assert (dialogue.id, [message.role for message in dialogue.messages]) == ("d1", ["user", "assistant"])
