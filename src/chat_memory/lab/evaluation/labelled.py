"""Labelled dialogues: what was said, and what the labels say the user wants, whatever file they came from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chat_memory.lab.evaluation.matching import is_stated, normalize, same

_WORDLESS = frozenset({"", "none", "not mentioned", "dontcare", "don't care", "do not care", "yes", "no", "true", "false"})
"""Values that nobody says as such: a label of its own, not words of the user."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One turn of a dialogue: who said it, and what."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """A dialogue with its labels: each slot's values at the end, and what the user asked about, denied or replaced.

    `final` holds, by slot, the ways one value is written; the others are values as the labels have them. `informed`
    are those the user gave by act, `earlier` all that any state held.
    """

    id: str
    sayings: Sequence[Saying]
    final: Mapping[str, Sequence[str]]
    informed: Sequence[str] = ()
    asked: Sequence[str] = ()
    denied: Sequence[str] = ()
    earlier: Sequence[str] = ()

    def user_texts(self) -> list[str]:
        """List what the user said."""
        return [saying.text for saying in self.sayings if saying.role == "user"]

    def stated(self) -> list[Sequence[str]]:
        """List the values at the end that the user gave in words, each once, in all the ways it is written."""
        kept: dict[frozenset[str], Sequence[str]] = {}
        for values in self.final.values():
            said = self._said(values)
            if said:
                kept.setdefault(frozenset(value.casefold() for value in said), said)
        return list(kept.values())

    def replaced(self) -> list[str]:
        """List the values the user gave in words and then gave up: no slot has them at the end."""
        last = [value for values in self.final.values() for value in values]
        return [value for value in self._said(self.earlier) if not any(same(value, other) for other in last)]

    def _said(self, values: Iterable[str]) -> list[str]:
        texts, informed = self.user_texts(), {normalize(value) for value in self.informed}
        kept = (value for value in values if value.casefold() not in _WORDLESS)
        return [v for v in kept if normalize(v) in informed and any(is_stated(v, text) for text in texts)]
