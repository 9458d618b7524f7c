"""What a dialogue's memory is worth against its labels: found, right, false, stale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chat_memory.lab.evaluation.labelled import Labelled
from chat_memory.lab.evaluation.matching import holds, holds_any, is_stated

Falsehood = Literal["", "unstated", "asked", "denied", "replaced"]


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one dialogue: labelled values and those found, entries by what they are, replaced and still there."""

    gold: int
    found: int
    entries: int
    right: int
    falsehoods: tuple[Falsehood, ...]
    replaced: int
    stale: int


def score(dialogue: Labelled, confirmed: Sequence[str]) -> Score:
    """Compare the confirmed values of a memory with a dialogue's labels."""
    stated, replaced = dialogue.stated(), dialogue.replaced()
    judged = [judge(dialogue, value, stated, replaced) for value in confirmed]
    return Score(
        gold=len(stated),
        found=sum(any(holds_any(value, ways) for value in confirmed) for ways in stated),
        entries=len(confirmed),
        right=sum(any(holds_any(value, ways) for ways in stated) for value in confirmed),
        falsehoods=tuple(falsehood for falsehood in judged if falsehood),
        replaced=len(replaced),
        stale=sum(any(holds(value, old) for value in confirmed) for old in replaced),
    )


def judge(dialogue: Labelled, value: str, stated: Sequence[Sequence[str]], replaced: Sequence[str]) -> Falsehood:
    """Say in what way a confirmed value is false; empty when it is not."""
    if not any(is_stated(value, text) for text in dialogue.user_texts()):
        return "unstated"
    if any(holds_any(value, ways) for ways in stated):
        return ""
    if holds_any(value, replaced):
        return "replaced"
    if holds_any(value, dialogue.denied):
        return "denied"
    return "asked" if holds_any(value, dialogue.asked) else ""
