"""What a quote proves: code decides, not a prompt (the gate's second rule, shared notes anthropic-sdk.md)."""

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from chat_memory.prompts.clauses import Clause, Reading, read
from chat_memory.prompts.scopes import NEGATIONS, SCOPES, TAKES_BACK, carries
from chat_memory.prompts.words import POLAR_WORDS, content_words, is_cjk, key_terms, key_words, lexicon, words

_TRIES = 64
"""Most places of a turn where a quote is tried: a turn that repeats itself more often proves no more."""
_LABEL_WORDS = 5
"""A key of more content words is a sentence, not a label."""
_AUXILIARIES = lexicon("is are was were has have had can may must should will does did wants")
_APPROVALS = lexicon(
    "allowed approved authorized authorised verified confirmed agreed consented accepted granted permitted paid signed"
)
"""In a key these make a claim of their own, whatever the value: `refund_approved`; auxiliaries do too: `is_admin`."""


def occurs(quote: str, reading: Reading) -> bool:
    """Tell whether a turn has the words of a quote, in order and together; a quote without words never occurs."""
    spoken = words(quote)
    return bool(spoken) and f" {' '.join(spoken)} " in reading.joined


def is_whole_clauses(quote: str, content: str) -> bool:
    """Tell whether a quote is one or more whole clauses of a turn, with every not, if and `he said` that governs them.

    Questions and what stands in quotation marks state nothing, so they are never whole clauses.
    """
    return bool(_statements(words(quote), read(content)))


def lacks(value: str, quote: str) -> list[str]:
    """Name the words of a value that its quote does not have, in the value's order; stop words do not count."""
    return _missing(value, words(quote))[0]


def objection(key: str, value: str, quote: str, reading: Reading) -> str:
    """Say why a quote does not prove that its turn states `value`; empty when it does."""
    spoken = words(quote)
    if not spoken:
        return "no quote"
    statements = _statements(spoken, reading)
    if not statements:
        return "the quote is not whole clauses of a statement"
    missing, matched = _missing(value, spoken)
    if missing or not matched:
        return f"the quote lacks {', '.join(missing)}" if missing else "the value says nothing"
    smuggled = _smuggled(key, value, spoken)
    if smuggled:
        return f"the key claims what the quote lacks: {', '.join(smuggled)}"
    hidden = [_hidden_scope(value, matched, start, clauses) for start, clauses in statements]
    return "" if "" in hidden else f"the value leaves out the {hidden[0]} of its quote"


def retraction_objection(fact_words: Sequence[str], quote: str, reading: Reading) -> str:
    """Say why a quote does not take back the fact those words belong to; empty when it does."""
    spoken = words(quote)
    if not _statements(spoken, reading):
        return "the quote is not whole clauses of a statement"
    if not set(fact_words).intersection(spoken):
        return "the quote does not speak of that fact"
    return "" if carries("negation", spoken) or TAKES_BACK.intersection(spoken) else "the quote takes nothing back"


def _statements(spoken: Sequence[str], reading: Reading) -> list[tuple[int, list[Clause]]]:
    """Find where a quote stands as whole statements: the place of its first word, and its clauses."""
    found: list[tuple[int, list[Clause]]] = []
    for index, start in islice(_openings(spoken, reading), _TRIES):
        end = start + len(spoken)
        covered = _covered(reading.clauses, index, end)
        if covered[-1].end == end and not any(_is_clipped(clause, start, end) for clause in covered):
            found.append((start, covered))
    return found


def _openings(spoken: Sequence[str], reading: Reading) -> Iterator[tuple[int, int]]:
    """Find where a quote's words stand from the opening of a clause: that clause's index, the first word's place."""
    for index, clause in enumerate(reading.clauses):
        for start in range(clause.start, clause.start + clause.lead + 1):
            if spoken and reading.words[start : start + len(spoken)] == spoken:
                yield index, start


def _covered(clauses: Sequence[Clause], index: int, end: int) -> list[Clause]:
    return list(takewhile(lambda clause: clause.start < end, islice(clauses, index, None)))


def _is_clipped(clause: Clause, start: int, end: int) -> bool:
    if "question" in clause.marks or "quotation" in clause.marks:
        return True
    return any(not start <= place < end for place in clause.marks.values())


def _missing(value: str, spoken: Sequence[str]) -> tuple[list[str], list[int]]:
    """Match a value's words to a quote's in order; name those without a match, and the places of those with one."""
    missing: list[str] = []
    matched: list[int] = []
    position = 0
    for unit in _units(content_words(value)):
        place = _find(unit, spoken, position)
        if place < 0:
            missing.append("".join(unit))
        else:
            matched.extend(range(place, place + len(unit)))
            position = place + len(unit)
    return missing, matched


def _units(wanted: Sequence[str]) -> list[list[str]]:
    """Keep characters of a script without spaces together: they mean something only side by side."""
    units: list[list[str]] = []
    for word in wanted:
        if units and is_cjk(word) and is_cjk(units[-1][-1]):
            units[-1].append(word)
        else:
            units.append([word])
    return units


def _find(unit: Sequence[str], spoken: Sequence[str], position: int) -> int:
    last = len(spoken) - len(unit)
    return next((place for place in range(position, last + 1) if spoken[place : place + len(unit)] == unit), -1)


def _smuggled(key: str, value: str, spoken: Sequence[str]) -> list[str]:
    """Name the words of a key that make a claim its quote does not.

    A key is a label the summarizer chooses, so its words are free, with four exceptions: numbers, negations, all words
    when it makes a claim or is too long for a label, and all words when the value says nothing alone (`yes`).
    """
    label = key_words(key)
    empty = all(word in POLAR_WORDS for word in content_words(value))
    whole = empty or len(label) > _LABEL_WORDS or not (_AUXILIARIES | _APPROVALS).isdisjoint(key_terms(key))
    claims = [word for word in label if whole or word in NEGATIONS or any(sign.isdigit() for sign in word)]
    return [word for word in claims if word not in spoken and word not in _AUXILIARIES]


def _hidden_scope(value: str, matched: Sequence[int], start: int, clauses: Sequence[Clause]) -> str:
    """Name what the clauses that hold the value stand under and the value does not say; empty when nothing."""
    said = words(value)
    holding = [clause for clause in clauses if any(clause.start <= start + place < clause.end for place in matched)]
    return next((scope for scope in SCOPES if any(scope in c.marks for c in holding) and not carries(scope, said)), "")
