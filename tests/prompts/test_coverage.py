"""Coverage: which lines stay when not all can."""

from chat_memory.prompts.coverage import choose_lines
from chat_memory.prompts.sentences import Line
from chat_memory.prompts.tokens import count_tokens
from tests.prompts.said import dice

STATED = "My deadline is March 15 for the Larsson contract."


def test_everything_stays_while_there_is_room() -> None:
    lines = [Line(seq, "user", f"Sentence about topic{seq}.") for seq in range(1, 9)]
    assert choose_lines(lines, 1000) == lines


def test_what_is_chosen_fits_and_stays_in_order() -> None:
    chance = dice(5)
    lines = [
        Line(seq, "user", " ".join(chance.choices(["alpha", "Beta", "42", "gamma", "I"], k=9))) for seq in range(90)
    ]
    for room in (0, 10, 100, 400):
        chosen = choose_lines(lines, room)
        assert sum(count_tokens(str(line)) + 1 for line in chosen) <= room
        assert chosen == sorted(chosen, key=lambda line: line.seq)
        assert chosen == choose_lines(lines, room)


def prefers(kept: Line, left: Line) -> bool:
    """Tell whether the first of two old lines stays when there is room for one."""
    newest = [Line(seq, "tool", "ok") for seq in range(20, 26)]
    chosen = choose_lines([left, kept, *newest], count_tokens(str(kept)) + 5)
    return kept in chosen and left not in chosen


def test_a_statement_outweighs_a_question() -> None:
    """Removing the question's prior makes this fail."""
    assert prefers(
        Line(1, "user", "The Larsson contract is for 12 boats."),
        Line(2, "user", "The Larsson contract is for 90 boats?"),
    )


def test_the_user_outweighs_the_assistant() -> None:
    """Removing the priors of roles makes this fail."""
    assert prefers(
        Line(1, "user", "The Larsson contract is signed."), Line(2, "assistant", "The Larsson contract is signed now.")
    )


def test_what_lasts_outweighs_what_passes() -> None:
    """Removing the prior of lasting words makes this fail."""
    assert prefers(
        Line(1, "user", "The Larsson deadline is on day 15."), Line(2, "user", "The Larsson sandwich is on day 15.")
    )


def test_what_is_covered_already_adds_little() -> None:
    """Removing the decay by times covered makes this fail."""
    same = [Line(seq, "user", STATED) for seq in range(1, 9)]
    other = Line(9, "user", "Ingrid prefers blue envelopes.")
    newest = [Line(seq, "tool", "ok") for seq in range(20, 26)]
    assert other in choose_lines([*same, other, *newest], 60)


def test_part_of_the_room_is_for_the_newest_turns() -> None:
    """Removing the first pick makes this fail: what was said long ago weighs more."""
    old = [Line(seq, "user", f"My budget for Project{seq} is {seq}00 euros, due in May {seq}.") for seq in range(1, 40)]
    newest = [Line(50, "assistant", "The flowers were mentioned again today.")]
    assert newest[0] in choose_lines([*old, *newest], 150)


def test_a_line_without_words_of_weight_is_left_out() -> None:
    assert choose_lines([Line(1, "user", "Yes, please do that.")], 100) == []
