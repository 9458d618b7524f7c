"""What a memory is worth against labels."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chat_memory.lab.evaluation.labelled import Given, Labelled, Saying
from chat_memory.lab.evaluation.scoring import Entry, score

DIALOGUE = Labelled(
    id="one",
    sayings=(
        Saying("user", "A flat in Oslo for 2 people, please. Is it quiet?"),
        Saying("assistant", "A flat in Oslo for 2, in the north?"),
        Saying("user", "No, in Lima. I like tea."),
    ),
    final={"a city": ["Lima"], "a guests": ["2"], "b city": ["lima"], "a side": ["west"], "a garden": ["True"]},
    informed=(Given("Oslo", 1), Given("2", 1), Given("Lima", 3), Given("True", 3)),
    asked=("quiet",),
    denied=("Oslo", "2", "north"),
    earlier=(("a city", "Oslo"), ("a guests", "2"), ("a city", "Lima"), ("a side", "west"), ("a garden", "True")),
)


def count(*entries: Entry) -> tuple[Sequence[int], dict[str, int]]:
    """Found of gold, right of entries, stale of replaced; and the falsehoods there are."""
    scored = score(DIALOGUE, entries)
    numbers = (scored.found, scored.gold, scored.right, scored.entries, scored.stale, scored.replaced)
    return numbers, {kind: number for kind, number in scored.falsehoods.items() if number}


def test_gold_is_what_the_user_gave_in_words_each_value_once() -> None:
    """Fails when a value that was never said, or has no words, or two slots with one value count."""
    assert count() == ((0, 2, 0, 0, 0, 1), {})


def test_a_value_of_its_turn_is_found_and_right() -> None:
    assert count(Entry("Lima", 3), Entry("2 people", 1)) == ((2, 2, 2, 2, 0, 1), {})


def test_a_value_out_of_another_turn_is_not() -> None:
    """Fails when an entry need not cite a turn in which the value was given: any 2 would be the guests."""
    assert count(Entry("2 people", 3)) == ((0, 2, 0, 1, 0, 1), {})


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (Entry("Rome", 1), "unstated"),
        (Entry("in the north", 1), "unstated"),
        (Entry("Oslo", 1), "replaced"),
        (Entry("quiet", 1), "asked"),
    ],
)
def test_what_the_user_did_not_say_asked_or_replaced_is_false(entry: Entry, kind: str) -> None:
    """Fails without a line of judge."""
    numbers, falsehoods = count(entry)
    assert falsehoods == {kind: 1}
    assert numbers[-2] == (kind == "replaced")


def test_what_the_user_denied_is_false() -> None:
    denied = Labelled("two", (Saying("user", "Oslo is no choice"),), {}, denied=("Oslo",))
    assert score(denied, [Entry("Oslo", 1)]).falsehoods["denied"] == 1


@pytest.mark.parametrize(("city", "restated"), [("Lima", 1), ("Bergen", 0)])
def test_an_accepted_offer_is_told_from_words_of_the_user(city: str, restated: int) -> None:
    """Fails when what the assistant offered counts as restated."""
    scored = score(replace(DIALOGUE, final={"a city": [city]}), [Entry("Oslo", 1)])
    assert (scored.restated, scored.stale_restated) == (restated, restated)
    assert scored.stale == 1


def test_a_true_extra_fact_is_not_false_and_not_right() -> None:
    assert count(Entry("tea", 3)) == ((0, 2, 0, 1, 0, 1), {})
