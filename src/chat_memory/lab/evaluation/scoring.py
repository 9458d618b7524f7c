"""What a dialogue's memory is worth against its labels: found, right, false, stale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from chat_memory.lab.evaluation.labelled import Labelled, Wanted
from chat_memory.lab.evaluation.matching import holds_any, is_stated

Falsehood: TypeAlias = Literal["unstated", "asked", "denied", "replaced"]
FALSEHOODS: tuple[Falsehood, ...] = get_args(Falsehood)
"""Ways of a confirmed value to be false: no user turn says it, or the user asked about it, denied or replaced it."""


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one dialogue: labelled values and those found, entries by what they are, replaced and still there.

    Of the replaced, `restated` are those the user replaced in own words, not by accepting an offer.
    """

    gold: int
    found: int
    entries: int
    right: int
    falsehoods: Mapping[Falsehood, int]
    replaced: int
    stale: int
    restated: int
    stale_restated: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A confirmed value, and the number of the turn it was taken from."""

    value: str
    seq: int

    def has(self, wanted: Wanted) -> bool:
        """Tell whether this is a labelled value, taken from a turn in which the user gave it."""
        return self.seq in wanted.seqs and holds_any(self.value, wanted.ways)


def score(dialogue: Labelled, entries: Sequence[Entry]) -> Score:
    """Compare what is confirmed at the end with a dialogue's labels."""
    stated, replaced = dialogue.stated(), dialogue.replaced()
    still = [old for old in replaced if any(entry.has(old) for entry in entries)]
    right = [any(entry.has(wanted) for wanted in stated) for entry in entries]
    judged = [judge(dialogue, entry) for entry, good in zip(entries, right, strict=True) if not good]
    return Score(
        gold=len(stated),
        found=sum(any(entry.has(wanted) for entry in entries) for wanted in stated),
        entries=len(entries),
        right=sum(right),
        falsehoods={kind: judged.count(kind) for kind in FALSEHOODS},
        replaced=len(replaced),
        stale=len(still),
        restated=sum(old.restated for old in replaced),
        stale_restated=sum(old.restated for old in still),
    )


def judge(dialogue: Labelled, entry: Entry) -> Falsehood | None:
    """Say in what way a confirmed value that matches no label at the end is false; None when it only is no label."""
    if not any(is_stated(entry.value, text) for text in dialogue.user_texts()):
        return "unstated"
    if any(entry.has(old) for old in dialogue.replaced()):
        return "replaced"
    if any(holds_any(entry.value, ways) for ways in dialogue.final.values()):
        return None
    if holds_any(entry.value, dialogue.denied):
        return "denied"
    return "asked" if holds_any(entry.value, dialogue.asked) else None
