"""What a key claims that is nothing but a common label: `home` is the user's own, so its quote must say so."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from chat_memory.prompts.clauses import Reading
from chat_memory.prompts.cues import AROUND, CLAIMS, Claim
from chat_memory.prompts.scopes import INTERJECTIONS
from chat_memory.prompts.words import STOP_WORDS, key_words, lexicon, strip_ending, words


class Marked(NamedTuple):
    """The words around a value, with `<` and `>` around its own."""

    text: str
    is_light: bool
    """They say nothing beside the value, so what stands around them tells whose it is."""
    is_capital: bool
    """The value is written with a capital."""

    @classmethod
    def of(cls, reading: Reading, stretch: range, stands: range, lead: str) -> Self:
        """Mark the words of a turn at `stands` among those of a `stretch`, as far as they are near, behind a sign."""
        found = reading.found
        start, end = max(stretch.start, stands.start - _BEFORE), min(stretch.stop, stands.stop + _AFTER)
        before, after = (
            [word.text[:_LETTERS] for word in found[a:b]] for a, b in ((start, stands.start), (stands.stop, end))
        )
        value = [word.text for word in found[stands.start : stands.stop]]
        light = _LIGHT.issuperset(before) and _LIGHT.issuperset(after)
        while len(value) > 1 and value[0] in _LEADS:
            before.append(value.pop(0))
        sign = "… " if start > stretch.start else lead
        capital = all(reading.text[found[place].start].isupper() for place in stands)
        return cls(sign + " ".join([*before, f"<{' '.join(value)}>", *after]), light, capital)


LEADS = ("", AROUND, AROUND)
"""What stands before the words of a clause, a sentence and a turn."""
_BEFORE, _AFTER = 24, 8
"""How far around a value its clause is read, words: what stands further away does not show whose it is."""
_LETTERS = 64
"""How much of a word around it, characters: a cue looks for a sign in a word from each of its places."""
_KINDS_OF_OWN = lexicon("work home office personal private business contact current new main own full real legal")
"""Beside a label these leave it the user's own: `work email`."""
_TIMELY = frozenset(map(strip_ending, ("deadline", "due", "from", "to", "budget", "total")))
"""Before one of those these still claim: `due date`; others only tell which it is: `person time`."""
_LEADS = lexicon("a an the in at on by to from for of under up about around until before till near as")
"""At the beginning of a value these are what leads to it."""
_LIGHT = (
    INTERJECTIONS
    | STOP_WORDS
    | lexicon("it its this that there here in at on by to from for of under up about around just only make use")
)
"""A clause of nothing but these and its value is read with what stands around it: `Bob's address: 12 High Street`."""
_MERE = frozenset(map(strip_ending, ("count", "date", "day", "amount", "money", "time")))
"""Labels that claim nothing of anybody, alone; beside another they belong to it: `phone number`."""
_LABELS = _MERE.union(*(claim.labels for claim in CLAIMS))
_SHAPED = frozenset(map(strip_ending, ("deadline", "due", "budget")))
"""These claim the same of anything, where nobody says them: the date of a concert is no `concert deadline`."""


def find_unshown(key: str, value: str, told: Sequence[Marked]) -> str:
    """Name the label of a key that nobody shows to be the user's; empty when it claims no more than its quote says.

    `told` are the words around the value: its clause, its sentence, its turn. The first that says something counts.
    """
    said = frozenset(words(value))
    label = [word for word in key_words(key) if word not in said] or key_words(key)
    bare = [strip_ending(word) for word in [word for word in label if word not in _KINDS_OF_OWN] or label]
    if not _LABELS.issuperset(bare) or (bare[-1] in _MERE and _TIMELY.isdisjoint(bare)):
        spoken = {strip_ending(word) for word in told[-2].text.split()}
        bare = [word for word in bare if word in _SHAPED and word not in spoken]
    unshown = (claim for claim in CLAIMS if not claim.labels.isdisjoint(bare) and not _shows(claim, told))
    return next((" ".join(label) for _ in unshown), "")


def _shows(claim: Claim, told: Sequence[Marked]) -> bool:
    near = told if claim.alone else told[:-1]
    marked = next((each for each in near if not each.is_light), near[-1])
    written = claim.written is not None and marked.is_capital and claim.written.search(marked.text) is not None
    return written or claim.cue.search(marked.text) is not None
