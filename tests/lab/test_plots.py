"""Pictures of numbers, drawn by matplotlib itself."""

import sys
from importlib import import_module
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from chat_memory.lab.errors import NoMatplotlibError
from chat_memory.lab.plots import NIGHT, Bars, Entry, Group, arrange, draw_bars

SVG = "{http://www.w3.org/2000/svg}"


def make_bars(*values: float) -> Bars:
    """A picture with a line for each of these."""
    entries = tuple(Entry(f"line {number}", {"p50": value}) for number, value in enumerate(values))
    return Bars("A title", "seconds", ("p50", "p99"), (Group("A heading", entries),), note="2 cores, $x$ & <b>")


def read_texts(drawing: str) -> list[str]:
    """List the words in a picture."""
    return [text.text or "" for text in ET.fromstring(drawing).iter(f"{SVG}text")]  # noqa: S314 - our own


@pytest.mark.needs_bench
def test_a_picture_says_what_it_shows_in_words() -> None:
    texts = read_texts(draw_bars(make_bars(1.5, 20, 123.4)))
    assert {"A title", "A heading", "line 0", "line 2", "seconds", "2 cores, $x$ & <b>", "p50"} <= set(texts)
    assert {"1.50", "20.0", "123"} <= set(texts)
    assert "p99" not in texts


@pytest.mark.needs_bench
def test_the_same_numbers_give_the_same_bytes_whatever_the_users_settings_are() -> None:
    """Fails without the hashsalt, with a date, or without rcdefaults."""
    settings: Any = import_module("matplotlib").rcParams
    first = draw_bars(make_bars(1, 2))
    size = settings["axes.labelsize"]
    settings["axes.labelsize"] = 30.0
    try:
        assert draw_bars(make_bars(1, 2)) == first
        assert settings["axes.labelsize"] == 30.0
    finally:
        settings["axes.labelsize"] = size
    assert "date" not in first


@pytest.mark.needs_bench
@pytest.mark.parametrize(
    ("values", "axis"),
    [
        ((1.0, 99.0), "seconds"),
        ((1.0, 100.0), "seconds, logarithmic scale"),
        ((0.0, 100.0), "seconds"),
        ((0.0,), "seconds"),
    ],
)
def test_the_axis_says_that_it_is_logarithmic_where_short_bars_would_vanish(
    values: tuple[float, ...], axis: str
) -> None:
    texts = read_texts(draw_bars(make_bars(*values)))
    assert [text for text in texts if text.startswith("seconds")] == [axis]


@pytest.mark.needs_bench
def test_paper_and_ink_change_together_at_night() -> None:
    """Fails when matplotlib no longer writes what the style stands on: dark ink would be on dark paper."""
    drawing = draw_bars(make_bars(1))
    root = ET.fromstring(drawing)  # noqa: S314 - our own
    assert drawing.count(NIGHT) == 1
    assert NIGHT in (root.findtext(f"{SVG}defs/{SVG}style") or "")
    assert len(root.findall(f".//{SVG}g[@id='paper']/{SVG}path")) == 1


def test_bars_of_one_entry_lie_close_and_none_lies_on_another() -> None:
    both = {"p50": 1.0, "p99": 2.0}
    groups = (Group("a", (Entry("b", both), Entry("c", {"p99": 3.0}))), Group("d", (Entry("e", both),)))
    places, ticks = arrange(Bars("", "", ("p50", "p99"), groups))
    heights = [place.height for place in places]
    assert all(below - above >= 1 for above, below in pairwise(heights))
    assert heights[1] - heights[0] == 1
    assert [label for label, _ in ticks.values()] == ["a", "b", "c", "d", "e"]
    assert list(ticks) == sorted(ticks)


def test_without_matplotlib_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails without the question in our_look: a traceback would name a module and no remedy."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NoMatplotlibError, match=r"pip install 'chat-memory\[bench\]'"):
        draw_bars(make_bars(1))
