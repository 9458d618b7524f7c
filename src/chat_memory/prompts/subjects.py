"""What a clause is about, where a fact may or may not be that: the bus of `the bus changed to 7 pm` is no meeting."""

from collections.abc import Sequence
from itertools import takewhile

from chat_memory.models import Fact
from chat_memory.prompts.names import FUNCTION_WORDS, WEAK_WORDS
from chat_memory.prompts.scopes import INTERJECTIONS
from chat_memory.prompts.statements import NO_HEADS
from chat_memory.prompts.words import STOP_WORDS, key_words, lexicon, stem, words

_SHORTEST = 3
"""Words of fewer letters, as `go`, name nothing."""
_POINTS = frozenset({"it", "them"})
"""These say that it is about what was told before."""
_DEFINITE = lexicon("the this that my our")
"""So do these before a noun that is not the subject: `make the reservation for 8 pm`."""
_OPENS = _DEFINITE | lexicon("a an his her their another some any every each other both")
"""At the beginning of a clause these open its subject."""
_NO_THINGS = (
    NO_HEADS
    | FUNCTION_WORDS
    | WEAK_WORDS
    | INTERJECTIONS
    | STOP_WORDS
    | lexicon(
        "change changed changing move moved switch switched update updated correct correction mean meant wrong rather"
        " different else other another again set push pushed going pm am o'clock noon midnight total let us he"
    )
)


def brings_up(fact: Fact, spoken: Sequence[str], value: str, key: str = "") -> bool:
    """Tell whether a clause that gives a value is about something a fact does not know.

    Its subject is that, or all its nouns, and the words of the `key` it would have, that nothing was told of before;
    `it` points back to the fact.
    """
    known = {stem(word) for word in (*words(fact.quote), *key_words(fact.key), *words(fact.value))}
    told = frozenset(words(value))
    rest = [word for word in spoken if word not in told]
    subject = _subject(rest)
    if subject and known.isdisjoint(map(stem, subject)):
        return True
    heads = set(key_words(key))
    named = [place for place, word in enumerate(rest) if word in heads or _is_thing(word)]
    things = [place for place in named if stem(rest[place]) not in known]
    if subject or not _POINTS.isdisjoint(rest):
        return False
    return any(_DEFINITE.isdisjoint(rest[max(place - 2, 0) : place]) for place in things)


def _subject(spoken: Sequence[str]) -> list[str]:
    """Find the words that name the subject of a clause, where it opens with one: `the bus`, `my next train`."""
    start = next((place for place, word in enumerate(spoken) if word not in INTERJECTIONS), len(spoken))
    if spoken[start : start + 1] == [] or spoken[start] not in _OPENS:
        return []
    named = takewhile(lambda word: word not in FUNCTION_WORDS or word in _OPENS, spoken[start + 1 :])
    return [word for word in named if _is_thing(word)]


def _is_thing(word: str) -> bool:
    return word.isalpha() and len(word) >= _SHORTEST and word not in _NO_THINGS
