"""Times of day however they are written: `17:15`, `5:15 pm` and `quarter past five in the afternoon` are one."""

import re

from chat_memory.prompts.spans import NUMBER_WORDS
from chat_memory.prompts.words import lexicon, words

_HOUR = re.compile(rf"\b(?:(?P<digits>\d{{1,2}})(?:[:.](?P<minutes>\d\d))?|(?P<word>{NUMBER_WORDS}|noon|midnight))")
_HOURS = {word: hour for hour, word in enumerate(NUMBER_WORDS.split("|")[:12], 1)} | {"noon": 12, "midnight": 12}
_SHIFTS = {"half past": 30, "half to": -30, "quarter past": 15, "quarter to": -15}
_SHIFT = re.compile("|".join(_SHIFTS))
_LATER = re.compile(r"p\.?m\b|afternoon|evening|\bnoon")
_EARLIER = re.compile(r"a\.?m\b|morning|midnight")
_BOUNDS = lexicon("after before by until till from since")
_HALF_DAY = 12 * 60


def is_bound(value: str) -> bool:
    """Tell whether a time only bounds another: `after 17:00` still holds when 17:30 is taken."""
    return not _BOUNDS.isdisjoint(words(value)[:1])


def same_time(one: str, other: str) -> bool:
    """Tell whether two times may be the same; one that cannot be read may be any."""
    read, compared = _read(one), _read(other)
    if read is None or compared is None:
        return True
    return read[0] == compared[0] and (read[1] == compared[1] or "" in {read[1], compared[1]})


def _read(value: str) -> tuple[int, str] | None:
    """Read a time as minutes of its half day, and that half where it is told."""
    told = value.lower()
    found = _HOUR.search(told)
    hour = (int(found["digits"]) if found["digits"] else _HOURS.get(found["word"], -1)) if found is not None else -1
    if found is None or hour < 0:
        return None
    shift = _SHIFT.search(told)
    minutes = hour * 60 + int(found["minutes"] or 0) + (_SHIFTS[shift.group()] if shift is not None else 0)
    half = "later" if hour > 12 or _LATER.search(told) else "earlier" if hour == 0 or _EARLIER.search(told) else ""  # noqa: PLR2004 - o'clock
    return minutes % _HALF_DAY, half
