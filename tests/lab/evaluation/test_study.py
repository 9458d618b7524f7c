"""A study: what is measured, on what."""

from dataclasses import replace
from pathlib import Path

import pytest

from chat_memory.lab.errors import MissingSetError
from chat_memory.lab.evaluation.checks import Checks
from chat_memory.lab.evaluation.finding import Finding, Share
from chat_memory.lab.evaluation.study import CALLER, Study, half_of
from chat_memory.models import Message
from chat_memory.tools.summarize import summarize
from chat_memory.tools.update_memory import update_memory


@pytest.fixture
def study(server_url: str, tmp_path: Path) -> Study:
    """An empty folder of sets."""
    return Study(tmp_path, server_url)


def test_halves_go_by_the_last_bit_of_sha256() -> None:
    assert [half_of(name) for name in ("1_00000", "1_00001", "1_00002", "é")] == ["even", "odd", "even", "even"]


def test_a_half_and_a_limit_are_kept(study: Study) -> None:
    names = [str(number) for number in range(40)]
    odd, even = study.choose(names, str), replace(study, half="even").choose(names, str)
    assert sorted(odd + even, key=int) == replace(study, half="all").choose(names, str) == names
    assert replace(study, limit=3).choose(names, str) == odd[:3]


def test_a_set_that_is_missing_is_named(study: Study) -> None:
    assert study.find("songs") is None
    with pytest.raises(MissingSetError, match=r"There is no folder songs in .*--data-dir"):
        study.folder("songs")


def test_progress_is_told_before_each_case_and_at_the_end(study: Study) -> None:
    told: list[tuple[str, int, int]] = []

    def hear(words: str, done: int, total: int) -> None:
        told.append((words, done, total))

    heard = replace(study, report=hear)
    assert list(heard.each(["a", "b"], "folding")) == ["a", "b"]
    assert told == [("folding", 0, 2), ("folding", 1, 2), ("folding", 2, 2)]


def test_a_figure_is_pooled_from_its_cases() -> None:
    """Fails when pool averages shares: a case of ten must weigh ten times a case of one."""
    finding = Finding({"songs": 2}, {"recall": {"a": Share(1, 1), "b": Share(1, 9)}, "none": {}}, {"extra": 7.0})
    assert finding.tell() == {"recall": 0.2, "none": 0.0, "extra": 7.0, "n": 2}


async def test_a_chat_goes_the_products_own_way_and_is_checked(study: Study) -> None:
    """Fails without a line of Checks.look."""
    checks = Checks()
    async with study.open_box() as box:
        await update_memory(box, CALLER, "chat", [Message(role="user", content="My budget is 300 euros.")])
        assert (await summarize(box, CALLER, "chat")).folded == 1
        await checks.look(box, "chat")
    assert checks.facts == checks.verified > 0
    assert (checks.memories, checks.over_cap) == (1, 0)
