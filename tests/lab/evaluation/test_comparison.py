"""Two results compared: what is chance, and what is more."""

import pytest

from chat_memory.lab.evaluation.comparison import Interval, compare
from chat_memory.lab.evaluation.finding import Share
from chat_memory.lab.evaluation.results import Results

KEY = "dialogue_state.sgd.recall"


def results(hits: list[int], **more: float) -> Results:
    """Results of one figure, each case of two."""
    shares = {f"case {number}": Share(hit, 2) for number, hit in enumerate(hits)}
    figure = sum(hits) / (2 * len(hits)) if hits else 0.0
    return Results({KEY: figure, "machine.cpu": "x", **more}, {KEY: shares})


def test_a_difference_in_nearly_every_case_is_more_than_chance() -> None:
    (line,) = compare(results([0, 1] * 50), results([1, 2] * 45 + [0, 1] * 5))
    assert (line.before, line.after, line.cases) == (0.25, 0.7, 100)
    assert line.interval is not None
    assert 0.35 < line.interval.low < line.change < line.interval.high <= 0.5
    assert line.interval.is_more_than_chance


def test_a_difference_that_goes_either_way_is_chance() -> None:
    """Fails when the draws of the two are not of the same cases: then none of them differs surely."""
    (line,) = compare(results([0, 2] * 20), results([2, 0] * 19 + [2, 2]))
    assert line.interval is not None
    assert line.interval.low < 0 < line.interval.high
    assert not line.interval.is_more_than_chance


def test_the_same_results_differ_by_nothing() -> None:
    """Fails when the bootstrap is not paired: unpaired draws of one result differ among themselves."""
    (line,) = compare(results([0, 1, 2]), results([0, 1, 2]))
    assert (line.change, line.interval) == (0.0, Interval(0.0, 0.0))


def test_the_same_input_gives_the_same_intervals() -> None:
    """Fails without the seed."""
    one, other = (
        Results({KEY: 0.5}, {KEY: {f"case {number}": Share(number * step % 101 / 101) for number in range(60)}})
        for step in (37, 41)
    )
    assert compare(one, other) == compare(one, other)


def test_only_cases_of_both_are_compared_each_weighing_what_it_holds() -> None:
    """Fails when a figure of other cases is compared as if they were the same."""
    before = Results({KEY: 0.5}, {KEY: {"a": Share(1, 1), "b": Share(0, 3), "c": Share(9, 9)}})
    after = Results({KEY: 0.5}, {KEY: {"b": Share(3, 3), "a": Share(1, 1), "d": Share(0, 9)}})
    (line,) = compare(before, after)
    assert (line.before, line.after, line.cases) == (0.25, 1.0, 2)


def test_a_figure_without_cases_has_no_interval() -> None:
    lines = compare(results([1], **{"fold.p50_ms": 2.0, "gone": 1.0}), results([1], **{"fold.p50_ms": 3.0}))
    assert [(line.key, line.interval) for line in lines] == [(KEY, Interval(0.0, 0.0)), ("fold.p50_ms", None)]
    assert lines[1].change == pytest.approx(1.0)


def test_results_without_a_common_case_have_no_interval() -> None:
    before, after = Results({KEY: 0.5}, {KEY: {"a": Share(1)}}), Results({KEY: 0.7}, {KEY: {"b": Share(1)}})
    (line,) = compare(before, after)
    assert line.interval is None
