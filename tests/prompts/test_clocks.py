"""Times of day: which are the same, however they are written."""

import pytest

from chat_memory.prompts.clocks import is_bound, same_time


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("17:15", "5:15 pm", True),
        ("quarter past five in the afternoon", "5:15 pm", True),
        ("quarter to 5 in the evening", "16:45", True),
        ("half past 9 in the morning", "9:30 am", True),
        ("5 pm", "5:00 p.m.", True),
        ("noon", "12 pm", True),
        ("midnight", "00:00", True),
        ("midnight", "noon", False),
        ("0:30", "12:30 am", True),
        ("6:30", "6:30 pm", True),  # which half is not told
        ("9 at night", "9 pm", True),
        ("6:30 am", "6:30 pm", False),
        ("6:30 pm", "6:45 pm", False),
        ("17:15", "5 pm", False),
        ("soonish", "5 pm", True),  # nobody knows
    ],
)
def test_times_are_compared_by_what_they_say_and_not_by_how(one: str, other: str, *, same: bool) -> None:
    """Fails without the shift, the half, _HALF_DAY, or when what cannot be read is another time."""
    assert same_time(one, other) is same
    assert same_time(other, one) is same


def test_a_bound_is_no_time() -> None:
    """`after 17:00` holds when 17:30 is taken."""
    assert is_bound("after 17:00")
    assert not is_bound("around 17:00")
    assert not is_bound("")
