"""What a user asks for without saying `my`: the names, places and kinds of things in a wish, a request or an answer.

`I want to fly from Rome to Oslo`, `find me a cheap flat`, `in the north, please`. Keys are the sentence's own words.
As everywhere, nothing here decides: the gate proves each.
"""

import re
from collections.abc import Iterator

from chat_memory.prompts.names import FUNCTION_WORDS, WEAK_WORDS, Named, find_names
from chat_memory.prompts.scopes import ORDERS
from chat_memory.prompts.spans import find_spans
from chat_memory.prompts.words import lexicon

_SENTENCE_WORDS = 24
"""Longest sentence that is read as a wish, words."""
_OWN = re.compile(
    r"\b(?:i|i['\u2019](?:m|d|ll|ve)|im|we|we['\u2019](?:re|d|ll|ve)|me|us|my|our|let['\u2019]?s|please)\b",
    re.IGNORECASE,
)
"""A sentence about the user."""
_OPENERS = (
    "ok|okay|yes|yeah|yep|no|nope|sure|great|good|thanks|thank you|hi|hello|hey|well|so|and|also|then|now|please"
    "|actually|sorry|perfect"
)
_OPENS = re.compile(
    rf"(?:(?:{_OPENERS})[,.!]?\s){{0,3}}(?:(?:can|could|will|would) you (?:please |also |kindly )?)?"
    rf"(?:{'|'.join(sorted(ORDERS))}|stay|leav(?:e|ing)|departing|arriving|need|want|go(?:ing)?|something|somewhere|someone|an?|in|from|to|at|for|on|by|with"
    r"|near)\b",
    re.IGNORECASE,
)
"""How a request or a short answer begins: `find me`, `in Rome`."""
_ABOUT_ANSWERS = re.compile(r"(?:thanks|thank you)(?: so much| a lot)? for\b", re.IGNORECASE)
_WORD = r"[a-z][\w'\u2019-]*"
_MOVES = re.compile(
    r"\b(?:train|trains|bus|buses|flights?|fly|travel|travell?ing|leav(?:e|es|ing)|depart\w*|going|go|coming|ride|taxi|cab"
    r"|tickets?|headed|heading|arriv\w+|trip)\b",
    re.IGNORECASE,
)
"""A sentence in which `from` and `to` are of places, whatever the case of letters."""
_MOVE = re.compile(
    r"\b(?:(?P<link>from|to)|(?:departing|leaving|departs?|leaves?)(?! (?:from|to|at|on|by|after|before|around)\b))"
    rf"\s(?P<value>{_WORD}(?:\s{_WORD}){{0,3}}?)"
    r"(?=\s(?:from|to|on|at|by|after|before|for|and|around|please|in|with|that|who|leaving|arriving|going|departing|which"
    r"|next|this|tomorrow|i|sometime|anytime|as|but|if|when|the|instead|so|then|of|today|tonight|it)\b|[,.;!?]|$)"
)
_NO_PLACES = lexicon(
    "the a an my our your their it there here be go get leave arrive book find eat see visit stay take travel depart"
    " reach do have make buy look check know confirm me you him her them us this that these those any some one where"
    " what which work school home watch listen play rent try use change purchase reserve schedule meet attend pick drop"
    " give send add set say ask tell help start search come return spend bring keep please think plan learn read write"
    " talk show hear call sleep rest order pay cancel live move ride fly drive walk"
)
_FOLLOWS = (
    r"(?=\s(?:in|to|from|for|with|that|which|on|at|near|and|please|around|by|who|where|of|instead|i|or|called|named|located"
    r"|as|there|when|if|so)\b|[,.;!?]|$)"
)
_KIND = r"(?!and\b|or\b|of\b)[a-z][\w-]{2,20}"
_THING = re.compile(
    rf"(?<![\w'-])(?:an?|some|any|my)\s(?P<value>{_KIND}(?:\s{_KIND})?)\s(?P<key>[a-z]{{3,20}}){_FOLLOWS}"
)
_SOMETHING = re.compile(
    rf"\b(?P<key>[Ss]ome(?:thing|where|place))\s(?:really |very |more |a bit )?(?P<value>[a-z-]{{4,20}}){_FOLLOWS}"
)
_SIDE = re.compile(
    r"\b(?P<key>[Ii]n)\sthe\s(?P<value>[a-z]{4,20})(?=\s(?:of town|part|side|and|please|with|for|that)\b|[,.;!?]|$)"
)
_RANGE = re.compile(r"\b(?P<value>(?!price\b)[a-z]{4,20})\s(?:[a-z]{4,10}\s)?(?P<key>class|range)\b")
_PARTY = re.compile(
    r"\b(?P<key>table|reservation|booking|room|tickets?|seats?|place|book|reserve|it)\b(?:\s[a-z']+){0,3}?\sfor\s"
    r"(?P<value>\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten)"
    r"(?=\s(?:at|on|in|please|and|to|from|this|next|tomorrow|tonight|for|starting)\b|[,.;!?]|$)",
    re.IGNORECASE,
)
_VAGUE = lexicon(
    "good nice great new other another different specific certain particular nearby available local popular interesting"
    " little few lot bit kind sort type couple way quick big best more less much many such same last first own small"
    " large long short real fun cool possible place thing following previous above else current whole right main number"
)
_NO_SIDES = lexicon(
    "morning afternoon evening night meantime future past end middle same area city town beginning meanwhile mood room"
    " hotel house first world process"
)


def find_wishes(sentence: str) -> Iterator[Named]:
    """Find what a wish, a request or a short answer names; nothing in a sentence that is none."""
    if _is_wish(sentence):
        yield from find_named(sentence)


def find_named(sentence: str) -> Iterator[Named]:
    """Find what a sentence names, whatever it is: names first, then places and kinds of things."""
    yield from find_names(sentence)
    yield from _places(sentence)
    yield from _kinds(sentence)


def _is_wish(sentence: str) -> bool:
    if len(sentence.split()) > _SENTENCE_WORDS or _ABOUT_ANSWERS.match(sentence):
        return False
    return _OWN.search(sentence) is not None or _OPENS.match(sentence) is not None


def _places(sentence: str) -> Iterator[Named]:
    """Find where somebody goes and comes from, though not capitalised: `leaving from oslo`."""
    for match in _MOVE.finditer(sentence) if _MOVES.search(sentence) else ():
        words = match["value"].split()
        if words[0] not in _NO_PLACES and FUNCTION_WORDS.isdisjoint(words) and not find_spans(match["value"]):
            yield Named(f"{match['link'] or 'from'} place", match["value"], *match.span("value"))


def _kinds(sentence: str) -> Iterator[Named]:
    """Find what kind of a thing is wanted: `a cheap flat`, `something quiet`, `in the north`, `a table for 4`."""
    for match in _THING.finditer(sentence):
        words = {*match["value"].split(), match["key"]}
        if words.isdisjoint(FUNCTION_WORDS | _VAGUE) and words.isdisjoint(WEAK_WORDS):
            yield Named(match["key"], match["value"], *match.span("value"))
    for pattern, key, without in (
        (_SOMETHING, "", FUNCTION_WORDS | _VAGUE),
        (_PARTY, "people", frozenset[str]()),
        (_SIDE, "place", _NO_SIDES),
        (_RANGE, "", FUNCTION_WORDS | WEAK_WORDS),
    ):
        for match in pattern.finditer(sentence):
            if match["value"] not in without:
                yield Named(key or match["key"].lower(), match["value"], *match.span("value"))
