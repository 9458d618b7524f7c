"""Typed spans of a text: email, url, phone, money, time, date, count. Sure of their type, silent when in doubt."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

SpanType = Literal["email", "url", "money", "date", "time", "phone", "count", "number"]

NUMBER_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|hundred"
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_CLOCK = rf"(?:[01]?\d(?:[:.][0-5]\d)?|2[0-3](?:[:.][0-5]\d)?|(?:{NUMBER_WORDS})\b)"
_DAYTIME = r"(?:in\sthe\s(?:early\s|late\s)?(?:morning|afternoon|evening|night)|at\snight)\b"
_ORDINAL = (
    rf"\d{{1,2}}(?:st|nd|rd|th)(?!\s(?:of\s)?{_MONTH}\b)(?:\sof\s(?:this|next)\smonth\b|"
    r"(?=\Z|[.,;!?)]|\s(?:of|at|on|in|for|from|to|and|or|please|with|by|if|i|we|around|after|before|until|then|instead)"
    r"\b))"
)
_NOT_COUNTED = "of|that|which|who|and|or|more|way|in|on|at|to|for|from|with|by|is|was|can|thing|i"
"""After `one` these say that it is a pronoun."""
_PATTERNS: dict[SpanType, str] = {
    "email": r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63})+|\[EMAIL_[0-9a-f]{8}\]",  # or what stands for one
    "url": r"\b(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)\]']",
    "money": r"[$€£¥₹]\s?\d{1,12}(?:[.,]\d{1,3}){0,4}[km]?\b"
    r"|\b\d{1,12}(?:[.,]\d{1,3}){0,4}[km]?\s?(?:dollars|euros|pounds|usd|eur|gbp|bucks|rupees|yen)\b",
    "date": rf"\b(?:{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH})(?:,?\s\d{{4}})?\b"
    rf"|\b\d{{4}}-\d{{2}}-\d{{2}}\b|\b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}\b"
    rf"|\b(?:(?:next|this)\s)?{_DAY}(?:\s(?:next|this)\sweek)?\b|(?<!after\s)\btomorrow\b"
    rf"|\b(?:the\s)?day\safter\stomorrow\b|\b(?:the\s)?{_ORDINAL}"
    r"|\Atoday\Z|\b(?:later\stoday|(?<=\bfor\s)today|(?<=\bon\s)today|(?<=\bin\s)today|(?<=\bit\s)today|(?<=\bgo\s)today)\b",
    "time": rf"\b(?:(?:half|quarter)\s(?:past|to)\s)?{_CLOCK}(?:\so['\u2019]clock)?\s{_DAYTIME}"
    rf"|\b(?:half|quarter)\s(?:past|to)\s{_CLOCK}\b"
    rf"|\b(?:morning|afternoon|evening|night)\s{_CLOCK}\b"
    rf"|\b(?:{NUMBER_WORDS})\s(?:am|pm)\b"
    r"|\b\d{1,2}(?:[:.]\d{2})?\s?(?:am|pm|a\.m|p\.m)\b|\b(?:[01]?\d|2[0-3]):[0-5]\d\b|\b(?:noon|midnight)\b",
    "phone": r"\[PHONE_[0-9a-f]{8}\]|(?<![\w.])\+?\(?\d{1,5}\)?(?:[ .-]?\d{2,5}){2,5}(?![\w-])",
    "count": rf"\b(?:\d{{1,6}}|{NUMBER_WORDS})\s(?:[a-z]{{3,20}}s|people|children|men|women)\b"
    rf"|\b(?:1|one|a single)\s(?!(?:{_NOT_COUNTED})\b)[a-z]{{3,20}}\b",
    "number": rf"\b(?:\d{{1,6}}|{NUMBER_WORDS})\b(?![\w/%.]\d)",
}
_SPAN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS.items()), re.IGNORECASE)
_RANGE = re.compile(r"\s*(?:or|and|to|through|until|[-\u2013/])\s*(?:the\s)?", re.IGNORECASE)
_APPOSED = re.compile(r"(?:,\s*)?(?:(?:which|that) is\s|that's\s)?\s*(?:an?\s|the\s|on the\s)?", re.IGNORECASE)
_BOUND = re.compile(
    r"\b(?:after|before|by|until|till|from|since|around|about|at least|at most|under|over|up to"
    r"|less than|more than)\s\Z",
    re.IGNORECASE,
)
_PHONE_CUE = re.compile(r"\b(?:phone|number|call|mobile|cell|text|whatsapp|reach)\b", re.IGNORECASE)
_PHONE_DIGITS = range(7, 16)


@dataclass(frozen=True, slots=True)
class Span:
    """A typed stretch of a text: its words, and where they stand."""

    kind: SpanType
    text: str
    start: int
    end: int


def find_spans(text: str) -> list[Span]:
    """Find the typed spans of a text, left to right, none inside another."""
    found = [Span(_kind(match), match.group(), *match.span()) for match in _SPAN.finditer(text)]
    return [span for span in found if span.kind != "phone" or _is_phone(text, span)]


def is_range(text: str, one: Span, other: Span) -> bool:
    """Tell whether two neighbours are ends of a range or alternatives: `April 22 or 23`, `Monday to Friday`."""
    return _RANGE.fullmatch(text[one.end : other.start]) is not None


def weekday_of(text: str, one: Span, other: Span) -> Span | None:
    """Find the one of two neighbouring dates that only names the other's weekday: `13 June, a Sunday`."""
    bare = [span for span in (one, other) if not any(sign.isdigit() for sign in span.text)]
    beside = _APPOSED.fullmatch(text[one.end : other.start]) is not None
    return bare[0] if one.kind == other.kind == "date" and beside and len(bare) == 1 else None


def bound_start(text: str, span: Span) -> int:
    """Say where a span begins together with the word that bounds it: `after 13:00` is not 13:00."""
    bound = _BOUND.search(text, max(span.start - 12, 0), span.start)
    return bound.start() if bound is not None else span.start


@lru_cache(maxsize=1024)
def kind_of(text: str) -> SpanType | None:
    """Name the type of a text that is one span as a whole; a count of things is a number too short of its noun."""
    bare = text.strip()
    spans = find_spans(bare)
    whole = len(spans) == 1 and spans[0].end == len(bare) and bound_start(bare, spans[0]) == 0
    return spans[0].kind if whole else None


def _kind(match: re.Match[str]) -> SpanType:
    return next(kind for kind in _PATTERNS if kind == match.lastgroup)


def _is_phone(text: str, span: Span) -> bool:
    digits = sum(sign.isdigit() for sign in span.text)
    told = span.text.startswith("+") or _PHONE_CUE.search(text) is not None
    return span.text.startswith("[") or (digits in _PHONE_DIGITS and told)
