"""Where a value stands in its quote: one run of words side by side, and no number cut out of another."""

import re
from collections.abc import Sequence

from chat_memory.prompts.words import STOP_WORDS, content_words, original, words

_NUMBER_WORDS = "one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty|hundred"
_OPENS_NUMBER = re.compile(rf"[-+]?[$€£¥₹₩]?\s?\d|(?:{_NUMBER_WORDS})\b", re.IGNORECASE)
_ENDS_NUMBER = re.compile(rf"\d\w{{0,2}}\s?[$€£¥₹₩%]?\Z|\b(?:{_NUMBER_WORDS})\Z", re.IGNORECASE)
_BEFORE_NUMBER = re.compile(
    r"(?:\d[.,'\u00b7\u066c_]?\s?|[$€£¥₹₩]\s?|[-+~±*/^\u2044<>≤≥≠≈!(]\s?|[!<>]=\s?"  # 1 500  $500  -5  < 5  != 5
    r"|\b(?:minus|under|over|below|above|than|most|least|half of|half a|up to|nearly|almost|max|min|maximum|minimum)\s"
    r"|\bbetween\s\S{1,20}\s(?:and\s)?|\bbetween\s|\d\S{0,12}\s(?:to|or)\s)\Z",
    re.IGNORECASE,
)
_AFTER_NUMBER = re.compile(
    r"[.,'\u00b7\u066c_:]?\d|\s\d|\s?(?:[$€£¥₹₩%‰\u066a°^*/\u2044+]|-\s?\d|[\u2013\u2014]\s?\d)"
    r"|'(?!\w)|\s?(?:percent|k|m|thousand|million|billion|hundred|dozen|x|am|pm|a\.m|p\.m)\b"
    r"|\s(?:or|to|less|more|minus|plus)\s(?:so|less|more|than|\d)",
    re.IGNORECASE,
)
_AROUND = 40
"""How far around a number is looked, characters."""


def find_runs(value: str, spoken: Sequence[str]) -> list[range]:
    """Find where a value's words stand side by side: all of them, else its content with nothing but stop words between.

    Any other gap would let a value be put together from what was said of different things.
    """
    told = words(value)
    exact = [range(start, start + len(told)) for start in _places(told[:1], spoken) if _stands(told, spoken, start)]
    return exact or [run for start in _places(content_words(value)[:1], spoken) if (run := _run(value, spoken, start))]


def _places(first: Sequence[str], spoken: Sequence[str]) -> list[int]:
    return [place for place, word in enumerate(spoken) if [word] == first]


def _stands(told: Sequence[str], spoken: Sequence[str], start: int) -> bool:
    return list(spoken[start : start + len(told)]) == told and any(word not in STOP_WORDS for word in told)


def _run(value: str, spoken: Sequence[str], start: int) -> range | None:
    wanted = content_words(value)
    found = 0
    for place in range(start, len(spoken)):
        if spoken[place] == wanted[found]:
            found += 1
        elif spoken[place] not in STOP_WORDS:
            return None
        if found == len(wanted):
            return range(start, place + 1)
    return None


def cuts_number(text: str, start: int, end: int) -> bool:
    """Tell whether the stretch of a text is a number out of a larger one, a range, a sum or a comparison."""
    value = text[start:end]
    before, after = text[max(start - _AROUND, 0) : start], text[end : end + _AROUND]
    if _OPENS_NUMBER.match(value) and _BEFORE_NUMBER.search(before):
        return True
    return _ENDS_NUMBER.search(value) is not None and _AFTER_NUMBER.match(after) is not None


def cut_out(text: str, start: int, end: int, asked: str) -> str:
    """Copy a stretch of a turn, with the signs around it that were asked for and stand there: `C++`, `.NET`."""
    body = asked.strip()
    first = next((place for place, sign in enumerate(body) if sign.isalnum()), 0)
    tail = body[len(body) - next((place for place, sign in enumerate(reversed(body)) if sign.isalnum()), 0) :]
    last = len(tail)
    while last and not text.startswith(tail[:last], end):
        last -= 1
    while first and not text[:start].endswith(body[:first]):
        first -= 1
    return original(text[start - first : end + last]).strip()
