"""A run: what suites found put together, and refused when it is of too few cases."""

from dataclasses import replace
from pathlib import Path

import pytest

from chat_memory.lab.errors import ShortSetError
from chat_memory.lab.evaluation import sizes
from chat_memory.lab.evaluation.checks import Checks
from chat_memory.lab.evaluation.finding import Finding, Share
from chat_memory.lab.evaluation.running import collect
from chat_memory.lab.evaluation.sizes import KNOWN, check_sizes
from chat_memory.lab.evaluation.study import Study
from chat_memory.lab.evaluation.suites import SUITES
from chat_memory.lab.latencies import Latencies

STUDY = Study(Path(), "")


def test_figures_get_whole_keys_and_checks_are_of_all_memories() -> None:
    """Fails when a suite's checks replace another's, or facts and cap are told by suite."""
    one = Finding({"a": 2}, {"sgd.recall": {"x": Share(1, 2)}}, checks=Checks(4, 4, 2, 0), folds=Latencies([0.002]))
    other = Finding({"b": 3}, {}, {"left_fence_share": 0.0}, Checks(4, 2, 1, 1))
    results = collect({"dialogue_state": one, "injection": other})
    assert results.numbers == {
        "dialogue_state.sgd.recall": 0.5,
        "dialogue_state.n": 2,
        "fold.p50_ms": pytest.approx(2),
        "fold.p99_ms": pytest.approx(2),
        "injection.left_fence_share": 0.0,
        "injection.n": 3,
        "cap.violations": 1,
        "cap.n": 3,
        "facts.n": 8,
        "facts.verified_share": 0.75,
    }
    assert results.samples == {"dialogue_state.sgd.recall": {"x": (1, 2)}}


def test_a_run_without_memories_claims_nothing_of_them() -> None:
    """Fails when no fact at all is told as all facts verified."""
    assert collect({"model": Finding({})}).numbers == {"model.n": 0}


def test_too_few_cases_fail_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails without the comparison in check_sizes: half of a set would pass for the set."""
    monkeypatch.setattr(sizes, "KNOWN", {"songs": {"one": {"odd": 3, "even": 2}, "two": {"odd": 1, "even": 1}}})
    whole = Finding({"one": 3, "two": 1, "unknown": 1})
    check_sizes("songs", whole, STUDY)
    check_sizes("poems", Finding({}), STUDY)
    check_sizes("songs", Finding({}), replace(STUDY, limit=1))
    told = r"songs measured 3 cases of one, its all half has 5: .*--limit"
    with pytest.raises(ShortSetError, match=told):
        check_sizes("songs", whole, replace(STUDY, half="all"))
    with pytest.raises(ShortSetError, match="songs measured 0 cases of two"):
        check_sizes("songs", Finding({"one": 4}), STUDY)


def test_sizes_are_of_suites_there_are() -> None:
    assert KNOWN.keys() <= SUITES.keys()
    assert all(set(halves) == {"odd", "even"} for of_suite in KNOWN.values() for halves in of_suite.values())
