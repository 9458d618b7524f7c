"""What a user's words put in doubt without saying what holds: `how about Oslo instead?` once a place is known."""

import re
from itertools import islice

from chat_memory.models import Fact
from chat_memory.prompts.clauses import Reading
from chat_memory.prompts.names import FUNCTION_WORDS, WEAK_WORDS
from chat_memory.prompts.spans import SpanType, find_spans, kind_of
from chat_memory.prompts.values import find_runs
from chat_memory.prompts.wishes import find_named
from chat_memory.prompts.words import key_words, lexicon, strip_ending, words

SINGLE: frozenset[SpanType] = frozenset({"date", "time", "money"})
"""Types of which another value is another choice."""
_TRIES = 16
"""Most places of a turn where the words are tried."""
_ALTERNATIVE = re.compile(
    r"\b(?:how about|what about|(?:is|are) there (?:an?\b|any\w*)|do you have any\w*|any other|else|instead|other"
    r"|another|different|again|re-?try|try|rather|changed?|actually)\b",
    re.IGNORECASE,
)
_THING = re.compile(r"(?<![\w@.:/'-])[a-z]{3,20}(?![\w@.:/'-])")
_AS_BEFORE = lexicon("it them instead")
"""With one of these a question is about what was told before."""
_NO_THINGS = (
    FUNCTION_WORDS
    | WEAK_WORDS
    | lexicon(
        "how about what else instead other another different again try retry rather change changed actually find look"
        " looking search book check show your available option options place places area city town people person"
        " tomorrow today tonight week next time date day morning afternoon evening night any think more mind"
        " recommend perhaps anywhere anyone let lets see possible"
        " like prefer going nearby open good great nice please oh hmm hey monday tuesday"
        " wednesday thursday friday saturday sunday one two three four five six seven eight nine ten"
    )
)
"""What a question for another choice may say without naming a thing."""


def asks_for_another(fact: Fact, quote: str, reading: Reading) -> bool:
    """Tell whether a turn's clauses, a question too, look for something else in the place of a fact.

    They say another value of its type, and not its own. It only takes away: nothing is confirmed by a question. What is
    somebody's own, as `deadline`, stays: only a choice, such as `meet date`, gives way.
    """
    spoken = words(quote)
    if not _ALTERNATIVE.search(quote) or find_runs(fact.value, spoken) or not _is_own(quote, reading):
        return False
    if _is_of_another(fact, quote):
        return False
    kind = kind_of(fact.value)
    if kind is None:
        return any(named.key == fact.key for named in find_named(quote))
    others = [span.text for span in find_spans(quote) if span.kind == kind]
    if kind == "count":
        return any(_noun(other) == _noun(fact.value) for other in others)
    return kind in SINGLE and fact.key.endswith(kind) and others != []


def _is_of_another(fact: Fact, quote: str) -> bool:
    """Tell whether a quote is about a thing that the fact's own sentence does not name: `is there a bus on May 3`."""
    if not _AS_BEFORE.isdisjoint(words(quote)):
        return False
    for span in reversed(find_spans(quote)):
        quote = quote[: span.start] + quote[span.end :]
    told = {strip_ending(word) for word in (*words(fact.quote), *key_words(fact.key))}
    things = [strip_ending(match.group()) for match in _THING.finditer(quote) if match.group() not in _NO_THINGS]
    return things != [] and told.isdisjoint(things)


def _is_own(quote: str, reading: Reading) -> bool:
    """Tell whether a quote is whole clauses of a turn that the user says himself: none quoted, none reported."""
    spoken = words(quote)
    for start in islice(reading.find(spoken), _TRIES):
        clauses = reading.covered(start, start + len(spoken))
        whole = bool(clauses) and clauses[-1].end == start + len(spoken)
        if whole and not any({"quotation", "report"} & clause.marks.keys() for clause in clauses):
            return True
    return False


def _noun(counted: str) -> str:
    return counted.rpartition(" ")[2].lower().rstrip("s")
