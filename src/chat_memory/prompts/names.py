"""Names inside a sentence, and what each is to it: `fly to Oslo`, `an Italian restaurant`, `a film by Ana Ruiz`.

A name is a run of capitalised words, as people write them; at the beginning of a sentence a capital says nothing.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from chat_memory.prompts.spans import find_spans
from chat_memory.prompts.words import lexicon


class Named(NamedTuple):
    """A value a sentence names, the key its own words give it, and where the value stands."""

    key: str
    value: str
    start: int
    end: int


FUNCTION_WORDS = lexicon(
    "and or but in on at to from for with by of the a an is are was were be been that which who whom where when how"
    " please instead now then also too as if so because since until while after before around about into near via than"
    " starting leaving arriving going departing returning located has have had will would can could should it they he"
    " she we you i there here today tomorrow tonight costs sounds works looks seems one asap only just this next each"
    " per what sometime anytime any later early does do did not again better evening morning"
    " afternoon night thanks thank"
)
"""After a name or before a noun these are no thing themselves."""
WEAK_WORDS = lexicon(
    "the and that this have has had want need would like can could will make it's i'd i'm i'll there here them us me"
    " they out not but are was some any about just please maybe than then also actually instead it i we you be is am"
    " something someone somewhere anything anywhere everything one ones get getting again him her do done only really"
    " now up know sure okay ok yes no yeah think there's thing things kind sort type lot of to"
)
"""Before a name these do not tell what it is for."""
MOVING = lexicon(
    "go going goes travel traveling travelling fly flying leave leaving depart departing departs arrive arriving head"
    " headed heading come coming get getting ride bus train flight flights buses trains taxi cab trip drive driving"
    " ticket tickets move commute transport be way back need me it there destination them us try people person car"
    " one pick collect city"
)
"""Before `to` and `from` these say that a place follows."""

_LINKING = r"(?:of|the|and|de|del|la|le|&)"
_CAPITALISED = r"[A-Z][\w'\u2019.&-]*\w|[A-Z]"
_REGION = r",\s(?:[A-Z]{2}\b|[A-Z][a-z]+(?=[.!?,]?$|,\splease|\s(?:on|to|for|please|and|from|at)\b))"
_NAME = re.compile(
    rf"(?<![\w'\u2019@.-])(?:{_CAPITALISED})"
    rf"(?:\s(?:{_LINKING}\s){{0,2}}(?:{_CAPITALISED})|\s\d{{1,4}}(?![\w:])){{0,8}}(?:{_REGION})?(?![\w@])"
)
_ADDRESS = re.compile(
    rf"\b(?P<link>to|from|at|in)\s(?P<value>\d{{1,5}}\s(?:{_CAPITALISED})(?:\s(?:{_CAPITALISED})){{1,4}})(?![\w@])"
)
"""A house and its street: `to 12 Elm Tree Road`."""
_PREPOSITION = r"in|at|near|to|from|around|by|with|for|on|of|like"
_BEFORE = re.compile(
    rf"(?:(?P<head>(?!(?:{_PREPOSITION})\b)[a-z][\w'\u2019-]{{1,20}})\s)?"
    rf"(?:(?P<link>{_PREPOSITION}|called|named|via|into|towards?|until|as|about|is)\s)?"
    r"(?:(?:the|a|an|some|my|our|any|downtown|mr|mrs|ms|dr)\.?\s)?$",
    re.IGNORECASE,
)
_AROUND = 48
"""How far before a name is looked, characters."""
_AFTER = re.compile(r"\s(?P<noun>[a-z]{3,20})\b")
_EDGE_WORDS = lexicon(
    "i i'm i'd i'll i've im ok okay yes no please thanks thank hi hello hey sorry monday tuesday wednesday thursday"
    " friday saturday sunday january february march april may june july august september october november december"
    " mr mrs ms dr pm am tv id it what which where when how who the an and but or so also then if is are can could"
    " would will do does did that this these those there here all any my our your his her their one two three four five"
    " six seven eight nine ten make find book get search look show reserve schedule set send play yeah yep nope great"
    " good sure perfect actually now not next today tomorrow in to from at near for with by on around about leaving"
    " departing going only just want need like anything something somewhere check yea alright cool tell see let put"
    " give change as well try take a asap"
)
"""Capitalised for another reason than being a name: they are cut off its ends."""
_PLACED = lexicon("in at near around")
_IN_WORDS = lexicon("speak speaking write answer reply respond translate written say read interested believe")
"""`in` after these is no place: `written in Python`."""
_GIVING = re.compile(
    r"\b(send|give|gave|transfer|pay|write|wrote|mail|show|lend|bring|talk|speak)\b[^.,;]*\Z", re.IGNORECASE
)
"""`to` after these names a person: `send it to Ana`."""
_LEFT = lexicon("leaving departing leave depart")


def find_names(sentence: str) -> Iterator[Named]:
    """Find addresses and names inside a sentence; a name without any word to tell what it is for is left out."""
    for match in _ADDRESS.finditer(sentence):
        start, end = _trim(sentence, *match.span("value"))
        yield Named(_place(match["link"]), sentence[start:end], start, end)
    for match in _NAME.finditer(sentence):
        start, end = _trim(sentence, *match.span())
        if _is_name(sentence, start, end) and (key := _key(sentence, start, end)):
            yield Named(key, sentence[start:end], start, end)


def _place(link: str) -> str:
    return f"{link} place" if link in {"to", "from"} else "place"


def _trim(sentence: str, start: int, end: int) -> tuple[int, int]:
    """Cut off a name what is capitalised for another reason: `Please Ana`, `Rome On`."""
    words = sentence[start:end].split(" ")
    while words and _bare(words[0]) in _EDGE_WORDS:
        start += len(words.pop(0)) + 1
    while words and _bare(words[-1]) in _EDGE_WORDS:
        end -= len(words.pop()) + 1
    return start, start + len(sentence[start : max(start, end)].rstrip(",."))


def _bare(word: str) -> str:
    return word.lower().strip(".,")


def _is_name(sentence: str, start: int, end: int) -> bool:
    """Tell whether a trimmed stretch is a name: not a date or number, nor the one word that opens a sentence."""
    value = sentence[start:end]
    if not value[:1].isupper() or find_spans(value):
        return False
    return start > 0 or " " in value or end >= len(sentence.rstrip(".!"))


def _key(sentence: str, start: int, end: int) -> str:
    """Name what a name is to its sentence: its preposition, the noun after it, or the word before it; "" if nothing."""
    before = _BEFORE.search(sentence, max(start - _AROUND, 0), start)
    head = (before["head"] or "").lower() if before else ""
    link = (before["link"] or "").lower() if before else ""
    telling = head not in WEAK_WORDS and head
    if link == "to" and (giving := _GIVING.search(sentence, max(start - _AROUND, 0), start)) is not None:
        return f"{giving[1].lower()} to"
    if link in {"to", "from"}:
        named = before is not None and (before["head"] or "")[:1].isupper()
        return f"{head} {link}" if telling and not named and head not in MOVING else _place(link)
    if link in _PLACED:
        return "" if head in _IN_WORDS else _place(link)
    after = _AFTER.match(sentence, end)
    if after is not None and after["noun"] not in FUNCTION_WORDS:
        return after["noun"]
    if not link:
        return "from place" if head in _LEFT else telling or ""
    return f"{head} {link}" if telling else "" if link in {"on", "of", "is"} else link
