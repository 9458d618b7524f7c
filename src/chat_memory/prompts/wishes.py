"""What a user asks for without saying `my`: the names, places and kinds of things in a wish, a request or an answer.

`I want to fly from Rome to Oslo`, `find me a cheap flat in Porto`, `in the north, please`. Keys are the sentence's own
words: the preposition, or the noun the words belong to. As everywhere, nothing here decides: the gate proves each.
"""

import re
from collections.abc import Iterator

from chat_memory.prompts.spans import find_spans
from chat_memory.prompts.words import lexicon

_OWN = re.compile(
    r"\b(?:i|i['\u2019](?:m|d|ll|ve)|im|we|we['\u2019](?:re|d|ll|ve)|me|us|my|our|let['\u2019]?s|please)\b", re.IGNORECASE
)
"""A sentence about the user: what names it has may be worth keeping."""
ORDERS = lexicon(
    "find book get make search look show reserve schedule set send play transfer add buy order try check use give"
    " change put plan arrange help locate rent need want pick call name start leave drop stay go switch recommend suggest"
)
"""Verbs a request opens with: `find me`, `book it`."""
_OPENS = re.compile(
    r"^(?:(?:ok|okay|yes|yeah|yep|no|nope|sure|great|good|thanks|thank you|hi|hello|hey|well|so|and|also|then|now|please|actually|sorry|perfect)[,.!]?\s){0,3}"
    rf"(?:(?:can|could|will|would) you (?:please |also |kindly )?)?(?:{'|'.join(sorted(ORDERS))}|something|somewhere|someone|a|an|in|from|to|at|for|on|by|with|the|near)\b",
    re.IGNORECASE,
)
_SMALL = r"(?:of|the|and|de|del|la|le|&)"
_NAME_WORD = r"[A-Z][\w'\u2019.&-]*\w|[A-Z]"
_NAME = re.compile(
    rf"(?<![\w'\u2019@.-])(?=[A-Z])(?:{_NAME_WORD})(?:\s(?:{_SMALL}\s){{0,2}}(?:{_NAME_WORD})|\s\d{{1,4}}(?![\w:]))*(?:,\s(?:[A-Z]{{2}}\b|(?:[A-Z][a-z]+)(?=[.!?,]?$|,\splease|\s(?:on|to|for|please|and|from|at)\b)))?"
)
_BEFORE = re.compile(
    r"(?:(?P<head>(?!(?:in|at|near|to|from|around|by|with|for|on|of|like)\b)[a-z][\w'\u2019-]{1,20})\s)?(?:(?P<prep>in|at|near|to|from|around|by|with|for|on|of|like|called|named|via|into|toward|towards|until|as|about|is)\s)?"
    r"(?:(?:the|a|an|some|my|our|any|downtown|mr|mrs|ms|dr)\.?\s)?$",
    re.IGNORECASE,
)
_AFTER = re.compile(r"\s(?P<noun>[a-z]{3,20})\b")
_NOT_NAMES = lexicon(
    "i i'm i'd i'll i've im ok okay yes no please thanks thank hi hello hey sorry monday tuesday wednesday thursday"
    " friday saturday sunday january february march april may june july august september october november december"
    " mr mrs ms dr pm am tv id it what which where when how who the a an and but or so also then if is are can could"
    " would will do does did that this these those there here my our your his her their one two three four five six"
    " seven eight nine ten make find book get search look show reserve schedule set send play yeah yep nope great good"
    " sure perfect actually now not next today tomorrow wifi asap in to from at near for with by on around about"
    " leaving departing going only just want need like anything something somewhere check yea alright cool how"
    " tell see can let put give change any all as well try take"
)
_FUNCTION = lexicon(
    "and or but in on at to from for with by of the a an is are was were be been that which who whom where when what how"
    " please instead now then also too as if so because since until while after before around about into near via than"
    " starting leaving arriving going departing returning located has have had will would can could should it they he"
    " she we you i there here today tomorrow tonight directed starring costs sounds works looks seems was were if one"
    " and/or asap only just or for this next each per sometime anytime any later early does do did not too again better"
    " would be this evening morning afternoon night thanks thank area"
)
_MOVING = lexicon(
    "go going goes travel traveling travelling fly flying leave leaving depart departing departs arrive arriving head"
    " headed heading come coming get getting ride bus train flight flights buses trains taxi cab trip drive driving"
    " ticket tickets move commute transport be way back need me it there destination them us"
)
_PLACED = lexicon("in at near around")
_SPOKEN = lexicon("speak speaking write answer reply respond translate written say read interested believe")
_WEAK = lexicon(
    "the and that this have has had want need would like can could will make it's i'd i'm i'll there here them us me"
    " they out not but are was some any about just please maybe than then also actually instead it i we you be is am"
    " something someone somewhere anything anywhere everything one ones get getting be again him her do done only"
    " really now up know sure okay ok yes no yeah think it there's thing things kind sort type lot of to"
)


def find_wishes(sentence: str) -> Iterator[tuple[str, str, int, int]]:
    """Find what a wish, request or short answer names: key, value, and where the words stand, for each."""
    if not (_OWN.search(sentence) or _OPENS.match(sentence)):
        return
    seen = False
    for found in (*find_names(sentence), *_moves(sentence), *_kinds(sentence)):
        yield found


def find_names(sentence: str) -> Iterator[tuple[str, str, int, int]]:
    """Find the names inside a sentence, each with what it is to the sentence as its key."""
    for match in _NAME.finditer(sentence):
        start, end = match.span()
        words = match.group().split()
        while words and words[0].lower().strip(".,") in _NOT_NAMES:
            start += len(words[0]) + 1
            words = words[1:]
        while words and words[-1].lower().strip(".,") in _NOT_NAMES | {"&", "on", "at", "for"}:
            end -= len(words[-1]) + 1
            words = words[:-1]
        value = sentence[start:end].rstrip(",.")
        end = start + len(value)
        if not words or not value or find_spans(value) or not any(w[0].isupper() for w in words):
            continue
        if start == 0 and len(words) == 1 and end < len(sentence.rstrip(".!")):
            continue
        key = _role(sentence, start, end)
        if key:
            yield key, value, start, end


def _role(sentence: str, start: int, end: int) -> str:
    """Name what a name is to its sentence: the noun after it, its preposition, or the word before it."""
    before = _BEFORE.search(sentence, max(start - 40, 0), start)
    head = (before["head"] or "").lower() if before else ""
    prep = (before["prep"] or "").lower() if before else ""
    after = _AFTER.match(sentence, end)
    noun = after["noun"] if after and after["noun"] not in _FUNCTION else ""
    if prep in {"to", "from"}:
        return f"{prep} place" if head in _MOVING or head in _WEAK or not head else f"{head} {prep}"
    if prep in _PLACED:
        return "" if head in _SPOKEN else "place"
    if noun:
        return noun
    if head in {"leaving", "departing", "leave", "depart"}:
        return "from place"
    if prep:
        return f"{head} {prep}" if head and head not in _WEAK else "" if prep in {"on","of","is"} else prep
    return head if head and head not in _WEAK else ""


_LOW = r"(?:[a-z][\w'\u2019-]*)"
_STOP_PLACE = lexicon(
    "the a an my our your their it there here be go get leave arrive book find eat see visit stay take travel depart reach do"
    " have make buy look check know confirm me you him her them us this that these those any some one where what which"
    " work school home watch listen play rent try use change purchase reserve schedule meet attend pick drop give send"
    " add set say ask tell help start search come return spend bring keep please think plan learn read write talk"
    " show hear call purchase order pay cancel live move ride fly drive walk"
)
_MOVE = re.compile(
    rf"\b(?:(?P<prep>from|to)|(?:departing|leaving|depart|leave|departs|leaves)(?! (?:from|to|at|on|by|after|before|around)\b))\s(?P<value>{_LOW}(?:\s{_LOW}){{0,3}}?)"
    r"(?=\s(?:from|to|on|at|by|after|before|for|and|around|please|in|with|that|who|leaving|arriving|going|departing|which|next|this|tomorrow|i|sometime|anytime|as|but|but|if|when|the|instead|so|then|of|today|tonight|it)\b|[,.;!?]|$)"
)
_MOVES = re.compile(
    r"\b(?:train|trains|bus|buses|flight|flights|fly|travel|travell?ing|leaving|leave|depart\w*|going|go|coming|ride|taxi|cab|ticket|tickets|headed|heading|arriv\w+|trip)\b",
    re.IGNORECASE,
)


def _moves(sentence: str) -> Iterator[tuple[str, str, int, int]]:
    if not _MOVES.search(sentence):
        return
    for match in _MOVE.finditer(sentence):
        value = match["value"]
        words = value.split()
        if words[0] in _STOP_PLACE or any(w in _FUNCTION for w in words) or find_spans(value):
            continue
        yield f"{match['prep'] or 'from'} place", value, match.start(), match.end("value")


_VAGUE = lexicon(
    "good nice great new other another different specific certain particular nearby available local popular interesting"
    " little few lot bit kind sort type couple way quick big better best few more less much many such same next last"
    " first own small large long short real fun cool possible place thing following previous above"
)
_THING = re.compile(
    r"(?<![\w'-])(?:a|an|some|any|the|my)\s(?P<value>(?!and\b|or\b|of\b)[a-z][\w-]{2,20}(?:\s(?!and\b|or\b|of\b)[a-z][\w-]{2,20})?)\s(?P<noun>[a-z]{3,20})"
    r"(?=\s(?:in|to|from|for|with|that|which|on|at|near|and|please|around|by|who|where|of|directed|starring|instead|i|or|called|named|located|as|there|when|if|so)\b|[,.;!?]|$)"
)
_SOME = re.compile(r"\b(?:something|somewhere|someplace|anything)\s(?:really |very |more |a bit )?(?P<value>[a-z-]{4,20})(?=\s(?:in|to|from|for|with|that|which|on|at|near|and|please|around|by)\b|[,.;!?]|$)")
_AREA = re.compile(r"\bin\sthe\s(?P<value>[a-z]{4,20})(?=\s(?:of town|part|side|and|please|with|for|that)\b|[,.;!?]|$)")
_RANGE_OF = re.compile(r"\b(?P<value>[a-z]{4,20})\s(?P<noun>price range|class|range)\b")
_PARTY = re.compile(
    r"\b(?:table|reservation|booking|room|tickets?|seats?|place|book|reserve|it)\b(?:\s[a-z']+){0,3}?\sfor\s(?P<value>\d{1,2}|two|three|four|five|six|seven|eight|nine|ten|one)"
    r"(?=\s(?:at|on|in|please|and|to|from|this|next|tomorrow|tonight|for|starting)\b|[,.;!?]|$)", re.IGNORECASE
)
_NO_AREA = lexicon("morning afternoon evening night meantime future past end middle same area city town beginning meanwhile mood car room hotel house first world")


def _kinds(sentence: str) -> Iterator[tuple[str, str, int, int]]:
    for match in _THING.finditer(sentence):
        words = match["value"].split()
        if match["noun"] in _FUNCTION | _VAGUE or any(w in _FUNCTION | _VAGUE | _WEAK for w in words):
            continue
        yield match["noun"], match["value"], match.start(), match.end()
    for match in _SOME.finditer(sentence):
        if match["value"] not in _FUNCTION | _VAGUE | {"else"}:
            yield match.group().split()[0], match["value"], match.start(), match.end()
    for match in _PARTY.finditer(sentence):
        yield "people", match["value"], match.start(), match.end()
    for match in _AREA.finditer(sentence):
        if match["value"] not in _NO_AREA:
            yield "place", match["value"], match.start(), match.end()
    for match in _RANGE_OF.finditer(sentence):
        if match["value"] not in _FUNCTION | _WEAK and match["value"]!="price":
            yield match["noun"], match["value"], match.start(), match.end()
