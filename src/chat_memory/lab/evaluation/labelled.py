"""Labelled dialogues: what was said, and what the labels say the user wants, whatever file they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chat_memory.lab.evaluation.matching import is_stated, normalize

_WORDLESS = frozenset(
    {"", "none", "not mentioned", "dontcare", "don't care", "do not care", "yes", "no", "true", "false"}
)
"""Values that nobody says as such: a label of its own, not words of the user."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One turn of a dialogue: who said it, and what."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Given:
    """A value the user gave by act, and the number of that turn, from 1."""

    value: str
    seq: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A labelled value: the ways it is written, and the turns in which the user gave it in words.

    `restated` when it was replaced by what the user gave in words, not by an offer of the assistant that was accepted.
    """

    ways: Sequence[str]
    seqs: frozenset[int]
    restated: bool = False


@dataclass(frozen=True, slots=True)
class Labelled:
    """A dialogue with its labels: each slot's values at the end, and what the user asked about, denied or replaced.

    `final` holds, by slot, the ways one value is written; the others are values as the labels have them. `informed`
    are those the user gave by act, `earlier` all that any state held, with their slots.
    """

    id: str
    sayings: Sequence[Saying]
    final: Mapping[str, Sequence[str]]
    informed: Sequence[Given] = ()
    asked: Sequence[str] = ()
    denied: Sequence[str] = ()
    earlier: Sequence[tuple[str, str]] = ()

    def user_texts(self) -> list[str]:
        """List what the user said."""
        return [saying.text for saying in self.sayings if saying.role == "user"]

    def stated(self) -> list[Wanted]:
        """List the values at the end that the user gave in words, each once."""
        wanted = {frozenset(map(normalize, values)): self._wanted(values) for values in self.final.values()}
        return [each for each in wanted.values() if each.seqs]

    def replaced(self) -> list[Wanted]:
        """List the values the user gave in words and then gave up: no slot has them at the end."""
        last = {normalize(value) for values in self.final.values() for value in values}
        gone = {normalize(value): (slot, value) for slot, value in self.earlier if normalize(value) not in last}
        found = [(self._wanted([value]), self._wanted(self.final.get(slot, ()))) for slot, value in gone.values()]
        return [replace(old, restated=bool(new.seqs)) for old, new in found if old.seqs]

    def _wanted(self, values: Sequence[str]) -> Wanted:
        ways = [value for value in values if value.casefold() not in _WORDLESS]
        written = {normalize(value) for value in ways}
        seqs = (
            given.seq
            for given in self.informed
            if normalize(given.value) in written and is_stated(given.value, self.sayings[given.seq - 1].text)
        )
        return Wanted(ways, frozenset(seqs))
