"""What a person took out of a memory: nothing said before brings it back, as a fact or as a line of the summary."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from chat_memory.models import Fact, ProposedFact, Rejected
from chat_memory.prompts.keys import speaks_of
from chat_memory.prompts.sentences import Line, parse_lines, split_sentences
from chat_memory.prompts.values import find_runs
from chat_memory.prompts.words import content_words, key_words, words


@dataclass(frozen=True, slots=True)
class _Known:
    """A rejected fact in the form facts are compared in."""

    fact: Fact
    upto_seq: int
    label: Sequence[str]
    value: Sequence[str]
    told: frozenset[str]
    quote: str

    @classmethod
    def of(cls, rejected: Rejected) -> Self:
        fact = rejected.fact
        label, value = _compare(fact.key, fact.value)
        return cls(fact, rejected.upto_seq, label, value, frozenset(content_words(fact.value)), _joined(fact.quote))

    def covers(self, label: Sequence[str], value: Sequence[str], seq: int) -> bool:
        """Tell whether turn `seq` is evidence that was rejected with this fact, for this label and value."""
        same_key, same_turn = label == self.label, seq == self.fact.source_seq
        if seq > self.upto_seq:
            return False
        wrapped = same_turn and find_runs(self.fact.value, value) != [] and speaks_of(self.fact.key, [*label, *value])
        return wrapped or (value == self.value and (same_key or same_turn)) or (same_key and same_turn)

    def is_told(self, line: Line) -> bool:
        """Tell whether a line of the summary says this fact; one that says so of a later turn does not count."""
        if line.seq > self.upto_seq:
            return False
        spoken = words(line.text)
        if self.quote.strip() and self.quote in f" {' '.join(spoken)} ":
            return True
        if not self.told <= set(spoken) or not find_runs(self.fact.value, spoken):
            return False
        return line.seq == self.fact.source_seq or speaks_of(self.fact.key, spoken)


class Rejections:
    """The rejected facts of one memory."""

    def __init__(self, rejected: Iterable[Rejected]) -> None:
        """Know what was rejected, and up to which turn."""
        self.rejected = tuple(rejected)
        self._known = [_Known.of(one) for one in self.rejected]

    def find(self, key: str, value: str, seq: int) -> Fact | None:
        """Find the rejected fact that a statement from turn `seq` would bring back.

        That is the same value under the same key, or either of them from the very turn; what is said again in a later
        turn than the verdict was given after is news.
        """
        if not self._known:
            return None
        label, told = _compare(key, value)
        return next((known.fact for known in self._known if known.covers(label, told, seq)), None)

    def object_to(self, proposal: ProposedFact) -> str:
        """Say why a proposal may not be taken; empty when nobody rejected it."""
        if proposal.op == "retract":
            return ""
        rejected = self.find(proposal.key, proposal.value, proposal.source_seq)
        return f"a person rejected it ({rejected.id}), and nobody has said so since" if rejected else ""

    def clean(self, summary: str, standing: Iterable[Fact]) -> tuple[str, list[str]]:
        """Take out of a summary what says a rejected fact: the text without it, and the lines or sentences that left.

        A fact that stands again, in words said later, may be told.
        """
        if not self._known or not summary:
            return summary, []
        back = [_compare(fact.key, fact.value) for fact in standing]
        gone = [known for known in self._known if (known.label, known.value) not in back]
        kept, left = list[str](), list[str]()
        for line in parse_lines(summary):
            said = list(_pieces(line))
            told = [piece for piece in said if any(known.is_told(piece) for known in gone)]
            left += [str(piece) for piece in told]
            rest = [piece for piece in said if piece not in told]
            kept += [" ".join(str(piece) for piece in rest) if told else str(line)] if rest or not told else []
        return ("\n".join(kept), left) if left else (summary, [])


def _pieces(line: Line) -> Iterator[Line]:
    """Cut a line of prose into its sentences; a line that names its turn is one already."""
    if line.seq:
        yield line
    else:
        yield from (Line(0, "", sentence) for sentence in split_sentences(line.text))


def _compare(key: str, value: str) -> tuple[Sequence[str], Sequence[str]]:
    return key_words(key) or [key], words(value) or [value]


def _joined(text: str) -> str:
    return f" {' '.join(words(text))} "
