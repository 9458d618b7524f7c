"""When two values are the same: the one place where the evaluation decides what counts as found.

A value is read as words: case, punctuation, articles and `of` do not count; number words and ordinals become digits,
a time of day with am, pm, `half past` or `in the evening` becomes hours and minutes. A confirmed value has a labelled
one when it holds all of its words side by side, in order, and at most `EXTRA_WORDS` others: `two tickets` has `2`,
`a table for 4 at 7 pm in Rome` has neither 4 nor Rome. Never the other way round: `York` does not have `New York`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from chat_memory.prompts.words import words

EXTRA_WORDS = 2
"""Most words a confirmed value may have beside the labelled one; more, and it is a sentence that happens to hold it."""

_ARTICLES = frozenset({"a", "an", "the", "of", "'s"})
_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
)
_NUMBERS = {word: str(number) for number, word in enumerate(_NUMBER_WORDS.split())}
_ORDINAL_WORDS = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_ORDINALS = {word: str(number) for number, word in enumerate(_ORDINAL_WORDS.split())}
_ORDINAL = re.compile(r"(\d{1,2})(?:st|nd|rd|th)\Z")
_HALVES = {"morning": "am", "afternoon": "pm", "evening": "pm", "night": "pm"}
_PARTS = {"half": 30, "quarter": 15}
_DAYTIME = "morning|afternoon|evening|night"
_TIME = re.compile(
    r"\b"
    rf"(?:(?P<before>{_DAYTIME}) )?(?:(?P<part>half|quarter) (?P<side>past|to) )?"
    r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))?(?:\s?(?P<half>am|pm)\b)?(?P<sharp> o'clock)?"
    rf"(?: (?:in|at(?= night)) (?P<after>{_DAYTIME})\b)?(?![\w:.])"
)
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = re.compile(
    rf"\b(?:{_MONTH} (?P<day>\d{{1,2}})(?:th)?|(?P<DAY>\d{{1,2}})(?:th)? {_MONTH.replace('month', 'MONTH')})\b"
)
NOON = 12 * 60
_SPACED_CLITIC = re.compile(r" (?=(?:n't|'(?:s|m|d|re|ve|ll))\b)", re.IGNORECASE)
_MERIDIEM = re.compile(r"\b([ap])\.\s?m\b\.?", re.IGNORECASE)


def untokenize(text: str) -> str:
    """Write a text as a person does: `do n't` together, no space before a comma or a full stop."""
    return re.sub(r" +(?=[.,!?;:](?:\s|$))", "", _SPACED_CLITIC.sub("", text))


@lru_cache(maxsize=4096)
def normalize(value: str) -> tuple[str, ...]:
    """Read a value as the words it is compared by."""
    plain = [_number(word) for word in words(_MERIDIEM.sub(r"\1m", value)) if word not in _ARTICLES]
    return tuple(_with_times(_DATE.sub(_day_first, " ".join(plain))))


def holds(confirmed: str, labelled: str) -> bool:
    """Tell whether a confirmed value has a labelled one: all its words side by side, and few others."""
    wanted, had = normalize(labelled), normalize(confirmed)
    return len(had) <= len(wanted) + EXTRA_WORDS and is_run(wanted, had)


def holds_any(confirmed: str, labelled: Iterable[str]) -> bool:
    """Tell whether a confirmed value has one of some labelled ones."""
    return any(holds(confirmed, value) for value in labelled)


def is_stated(value: str, text: str) -> bool:
    """Tell whether a text says a value, in the same words or written another way."""
    return is_run(normalize(value), normalize(text)) or is_run(words(value), words(text))


def is_run(wanted: Sequence[str], had: Sequence[str]) -> bool:
    """Tell whether words stand side by side among others; no words never do."""
    size = len(wanted)
    return size > 0 and any(tuple(had[start : start + size]) == tuple(wanted) for start in range(len(had) - size + 1))


def _number(word: str) -> str:
    ordinal = _ORDINAL.match(word)
    day = ordinal[1] if ordinal else _ORDINALS.get(word)
    return f"{day}th" if day else _NUMBERS.get(word, word)


def _day_first(match: re.Match[str]) -> str:
    return f"{match['day'] or match['DAY']}th {match['month'] or match['MONTH']}"


def _with_times(text: str) -> Iterator[str]:
    """Write times of day one way; whatever is none stays as it is."""
    place = 0
    for match in _TIME.finditer(text):
        if not any(match[sign] for sign in ("minute", "half", "before", "after", "part", "sharp")):
            continue
        yield from text[place : match.start()].split()
        yield _clock(match)
        place = match.end()
    yield from text[place:].split()


def _clock(match: re.Match[str]) -> str:
    minutes = int(match["hour"]) * 60 + int(match["minute"] or 0)
    if match["part"]:
        minutes += _PARTS[match["part"]] * (1 if match["side"] == "past" else -1)
    half = match["half"] or _HALVES.get(match["before"] or match["after"] or "", "")
    if half == "pm" and minutes < NOON:
        minutes += NOON
    if half == "am" and minutes >= NOON:
        minutes -= NOON
    return f"{minutes // 60:02}:{minutes % 60:02}"
