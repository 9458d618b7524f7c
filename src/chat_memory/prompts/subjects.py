"""What a clause is about, where a fact may or may not be that: the bus of `the bus changed to 7 pm` is no meeting."""

from collections.abc import Sequence
from itertools import takewhile

from chat_memory.models import Fact, ProposedFact
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
_HAPPENS = lexicon(
    "starts start started begins begin ends end opens closes happens takes leaves departs arrives lands runs works"
    " costs"
)
"""What a thing told before may do: `it starts at 7 pm`."""
_SETTLES = lexicon(
    "make change move set switch push shift put book schedule reserve reschedule update have want need like do keep"
)
"""With one of these a sentence settles something: `make the reservation for 8 pm`; without, `the shop` is new."""
_OPENS = _DEFINITE | lexicon("a an his her their another some any every each other both")
"""At the beginning of a clause these open its subject."""
_DOERS = frozenset({"i", "we"})
_ASKED_FOR = lexicon("book reserve make get find need want like looking please schedule")
"""With one of these a sentence asks for its thing, where that is nobody's yet."""
_OWNED = lexicon("my our his her their your")
_WISHES = lexicon(
    "want need would will shall am are have had could can prefer wish plan hope like go leave depart meant"
)
"""What else the user does is a thing too: `I rise at 6 am`."""
_NO_THINGS = (
    NO_HEADS
    | FUNCTION_WORDS
    | WEAK_WORDS
    | INTERJECTIONS
    | STOP_WORDS
    | lexicon(
        "change changed changing move moved switch switched update updated correct correction mean meant wrong rather"
        " different else other another again use set push pushed going pm am o'clock noon midnight total let us he"
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
    if subject or any(_points_back(rest, place) for place in range(len(rest))):
        return False
    settles = not _SETTLES.isdisjoint(rest)
    return any(not settles or _DEFINITE.isdisjoint(rest[max(place - 2, 0) : place]) for place in things)


def is_spoken_of(fact: Fact | ProposedFact, spoken: Sequence[str]) -> bool:
    """Tell whether words may be about what a fact is of: the things its quote has, as `my meeting`, are named again.

    What was asked for, as `book a table at 6 pm`, is what an answer is about without naming it.
    """
    told, value = words(fact.quote), frozenset(words(fact.value))
    if not _ASKED_FOR.isdisjoint(told) and _OWNED.isdisjoint(told):
        return True
    opened = [place + 1 for place, word in enumerate(told) if word in _OPENS]
    phrases = [takewhile(lambda word: word not in FUNCTION_WORDS and word not in value, told[at:]) for at in opened]
    does = [
        told[place + 1] for place, word in enumerate(told[:-1]) if word in _DOERS and told[place + 1] not in _WISHES
    ]
    subject = told[: told.index("is")] if "is" in told else []
    things = {stem(word) for phrase in (*phrases, does, subject) for word in phrase if _is_thing(word)}
    return not things or not things.isdisjoint(map(stem, spoken))


def _points_back(spoken: Sequence[str], place: int) -> bool:
    """Tell whether a word is an `it` that something told before may be: not that of `it rains`."""
    following = spoken[place + 1 : place + 2]
    return spoken[place] in _POINTS and (not following or following[0] in _HAPPENS or not _is_thing(following[0]))


def _subject(spoken: Sequence[str]) -> list[str]:
    """Find the words that name the subject of a clause, where it opens with one: `the bus`, `my next train`."""
    start = next((place for place, word in enumerate(spoken) if word not in INTERJECTIONS), len(spoken))
    if spoken[start : start + 1] == [] or spoken[start] not in _OPENS:
        return []
    named = takewhile(lambda word: word not in FUNCTION_WORDS or word in _OPENS, spoken[start + 1 :])
    return [word for word in named if _is_thing(word)]


def _is_thing(word: str) -> bool:
    return word.isalpha() and len(word) >= _SHORTEST and word not in _NO_THINGS
