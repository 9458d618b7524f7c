"""What a quote proves: code decides, not a prompt (the gate's second rule, shared notes anthropic-sdk.md)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, product

from chat_memory.models import Fact
from chat_memory.prompts.alternatives import asks_for_another
from chat_memory.prompts.attributes import LEADS, Marked, find_unshown
from chat_memory.prompts.clauses import Clause, Reading
from chat_memory.prompts.keys import corrects, is_own, key_objection, owner_of, speaks_of
from chat_memory.prompts.scopes import SCOPES, TAKES_BACK, Scope, carries, dismisses
from chat_memory.prompts.spans import kind_of
from chat_memory.prompts.values import cut_out, cuts_number, find_runs
from chat_memory.prompts.words import POLAR_WORDS, STOP_WORDS, content_words, lexicon, original, words

_TRIES = 16
"""Most places of a turn where a quote is tried: a turn that repeats itself more often proves no more."""
_DIGIT = re.compile(r"\d")
_OPEN: frozenset[Scope] = frozenset({"question", "condition"})
"""What the user's own yes can settle."""
_RUNS = 8
"""Most places of a quote where a value is tried."""
_PLACED = lexicon("in at near around")
"""With one of these the value's place is told, so `in Rome` says more than `Rome`."""
_ENGLISH = lexicon(
    "the my i i'm i've i'd i'll our are is have has with and it it's can would need want like please this that you not"
    " but make let's just only search look find book show get something somewhere from live don't does at to by we us"
    " call write arrive leave meet for from starting arriving leaving staying people days nights after around send him"
    " since monday tuesday wednesday thursday friday saturday sunday january february march april june july august"
    " september october november december tomorrow checking"
)
"""A sentence with one of these is read as English; a `not` of another language may be a word no list has."""


_SAYS_NOTHING = (STOP_WORDS | POLAR_WORDS) - lexicon("i am my we our")
"""Beside the value these state nothing; a first person does: `I am vegan`."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a turn says of a value: its own words for it and for the clauses around it, or why it does not."""

    reason: str
    value: str = ""
    quote: str = ""


def occurs(quote: str, reading: Reading) -> bool:
    """Tell whether a turn has the words of a quote, in order and together; a quote without words never occurs."""
    return next(reading.find(words(quote)), -1) >= 0


def lacks(value: str, quote: str) -> list[str]:
    """Name the words of a value that its quote does not have side by side; stop words do not count."""
    spoken = words(quote)
    return [] if find_runs(value, spoken) else [word for word in content_words(value) if word not in spoken] or [value]


def prove(key: str, value: str, quote: str, reading: Reading, known: Fact | None = None) -> Proof:
    """Weigh whether a turn states `value` in `quote`; the `known` fact of that key gives it where it is corrected."""
    spoken = words(quote)
    statements = _statements(spoken, reading)
    if not statements:
        return Proof("the quote is not whole clauses of a statement" if spoken else "no quote")
    runs = find_runs(value, spoken)
    if not runs:
        return Proof(
            f"the quote lacks {', '.join(lacks(value, quote))}" if content_words(value) else "the value is empty"
        )
    claim = _Claim(key, value, quote, spoken, reading, known)
    proof = Proof("")
    for (start, clauses), run in product(statements, runs[:_RUNS]):
        proof = claim.weigh(start, clauses, run)
        if not proof.reason:
            break
    return proof


def find_told(key: str, value: str, reading: Reading) -> Proof:
    """Find where a turn says a value, be it as a question or a perhaps; never denied, reported, past or quoted."""
    told = words(value)
    for start in islice(reading.find(told), _TRIES):
        holding = [c for c in reading.clauses if c.start < start + len(told) and start < c.end]
        first, last = reading.found[start].start, reading.found[start + len(told) - 1].end
        if any(not _OPEN.issuperset(clause.marks) for clause in holding) or cuts_number(reading.text, first, last):
            continue
        held = [word.text for word in reading.found[holding[0].start : holding[-1].end]]
        stands = range(start, start + len(told))
        overclaims = _overclaims(key, value, reading, holding, stands)
        if not (overclaims or key_objection(key, value, held, held, given=False)):
            opens, ends = reading.found[holding[0].start].start, reading.found[holding[-1].end - 1].end
            return Proof("", cut_out(reading.text, first, last, value), original(reading.text[opens:ends]))
    return Proof("the user never said it")


@dataclass(frozen=True, slots=True)
class _Claim:
    """A key, a value and a quote, to be weighed at each place of a turn where they stand."""

    key: str
    value: str
    quote: str
    spoken: Sequence[str]
    reading: Reading
    known: Fact | None

    def weigh(self, start: int, clauses: Sequence[Clause], run: range) -> Proof:
        """Weigh the value at one run of a quote's words, the quote at one place of the turn."""
        found, text = self.reading.found, self.reading.text
        first, last = found[start + run.start].start, found[start + run[-1]].end
        holding = [c for c in clauses if c.start <= start + run[-1] and start + run.start < c.end]
        held = [word.text for word in found[holding[0].start : holding[-1].end]]
        given = self.known is not None and corrects(self.known, self.value, self.spoken, held)
        reason = _hidden_scope(self.value, holding) or self._partial(held, given=given)
        if dismisses(held):
            reason = "the quote takes it back"
        if cuts_number(text, first, last):
            reason = "the value is a part of a number, a range or a comparison"
        reason = reason or key_objection(self.key, self.value, self.spoken, held, given=given)
        if not given:
            stands = range(start + run.start, start + run[-1] + 1)
            reason = reason or _overclaims(self.key, self.value, self.reading, holding, stands)
        if reason:
            return Proof(reason)
        end = found[start + len(self.spoken) - 1].end
        return Proof("", cut_out(text, first, last, self.value), cut_out(text, found[start].start, end, self.quote))

    def _partial(self, held: Sequence[str], *, given: bool) -> str:
        """Say why a value may not leave out words of its clause: nothing else is said, or no English is."""
        typed = kind_of(self.value)
        told = set(words(self.value))
        rest = [word for word in held if word not in told and word not in STOP_WORDS]
        beyond = [word for word in self.spoken if word not in told and word not in _SAYS_NOTHING]
        placed = self.key == "place" and bool(_PLACED & set(self.spoken) - told)
        if not beyond and not given and not typed and not placed and not _DIGIT.search(self.value):
            return "the quote says nothing beside the value"
        english = 2 * sum(word.isascii() for word in held) >= len(held) and not _ENGLISH.isdisjoint(held)
        return (
            ""
            if typed in {"email", "url", "phone"} or english or not rest
            else "the value leaves out words of a clause that is not English"
        )


def _overclaims(key: str, value: str, reading: Reading, holding: Sequence[Clause], stands: range) -> str:
    """Say what a bare label claims that the clause of its value, or what stands around it, does not say of the user."""
    stretches = (
        range(holding[0].start, holding[-1].end),
        range(holding[0].sentence.start, holding[-1].sentence.stop),
        range(len(reading.found)),
    )
    marked = [Marked.of(reading, stretch, stands, lead) for stretch, lead in zip(stretches, LEADS, strict=True)]
    label = find_unshown(key, value, marked)
    return f"the quote does not say whose or what {label} it is" if label else ""


def retraction_objection(fact: Fact, quote: str, reading: Reading) -> str:
    """Say why a quote does not take back a fact; empty when one of its clauses does."""
    spoken = words(quote)
    if asks_for_another(fact, quote, reading):
        return ""
    statements = _statements(spoken, reading)
    if not statements:
        return "the quote is not whole clauses of a statement"
    held = [[word.text for word in reading.found[c.start : c.end]] for _, clauses in statements for c in clauses]
    about = [each for each in held if speaks_of(fact.key, each)]
    if not about:
        return "the quote does not speak of that fact"
    return "" if any(_takes_back(fact, each) for each in about) else "the quote takes nothing back"


def _takes_back(fact: Fact, held: Sequence[str]) -> bool:
    """Tell whether a clause denies a fact's whole value, or has a word such as `forget` and nothing denies that.

    One about somebody else's, or about some other thing of that name, takes nothing back: `forget the name of the inn`.
    """
    if owner_of(fact.key, fact.value, held) or "who" in held:
        return False
    denials = sum(carries("negation", [word]) for word in held)
    named = [word for word in held if word not in {"i'm", "am"}]  # `forget that I'm late` speaks of no name
    if not TAKES_BACK.isdisjoint(held) and speaks_of(fact.key, named):
        said = bool(find_runs(fact.value, held)) or is_own(fact.key, held)
        return said and (not denials or held[0] in TAKES_BACK)
    return denials == 1 and bool(find_runs(fact.value, held))


def _statements(spoken: Sequence[str], reading: Reading) -> list[tuple[int, Sequence[Clause]]]:
    """Find where a quote stands as whole statements: the place of its first word, and its clauses.

    With every not, if and `he said` that governs them; questions and what stands in quotation marks state nothing.
    """
    found: list[tuple[int, Sequence[Clause]]] = []
    for start in islice(reading.find(spoken), _TRIES):
        end = start + len(spoken)
        covered = reading.covered(start, end)
        if covered and covered[-1].end == end and not any(_is_clipped(clause, start, end) for clause in covered):
            found.append((start, covered))
    return found


def _is_clipped(clause: Clause, start: int, end: int) -> bool:
    if "question" in clause.marks or "quotation" in clause.marks:
        return True
    return any(not start <= place < end for place in clause.marks.values())


def _hidden_scope(value: str, holding: Sequence[Clause]) -> str:
    """Name what the clauses that hold the value stand under and the value does not say; empty when nothing."""
    said = words(value)
    hidden = [
        scope for scope in SCOPES if any(scope in clause.marks for clause in holding) and not carries(scope, said)
    ]
    return f"the value leaves out the {hidden[0]} of its quote" if hidden else ""
