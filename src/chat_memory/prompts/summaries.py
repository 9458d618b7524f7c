"""What a summary may lose, and the names of what it lost: rule 7 of the gate, on text alone."""

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import islice

from chat_memory.errors import RejectedDeltaError
from chat_memory.prompts.instructions import find_instruction
from chat_memory.prompts.sentences import split_sentences
from chat_memory.prompts.tokens import count_tokens, fit_words
from chat_memory.prompts.words import content_words, iterate_words, surface, words

_EMPTY = frozenset({"", "none", "n a", "na", "null", "nil", "empty", "no summary", "nothing", "tbd", "undefined"})
LONGEST_PLACEHOLDER = max(len(placeholder.split()) for placeholder in _EMPTY)
"""Words of the longest of them: a summary of more is none."""
_REFUSAL = re.compile(
    r"(?:i'?m|i am) (?:sorry|unable|not able)|i (?:cannot|can'?t|won'?t)|as an ai\b|sorry,? (?:but )?i\b"
    r"|unable to (?:summari[sz]e|comply)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")
_LABEL = re.compile(r"^\[\d+\] [a-z]+: ")
_MARK = re.compile(r"\d[\w.,:/-]*\w|\d|(?<=\w )[A-Z][\w'-]*\w|(?<=, )[A-Z][\w'-]*\w")

COMPACT_SHARE = 0.5
"""Share of the used cap that a summary may always be compacted to; a longer one may lose what it must for that."""
SUMMARY_SHARE = 0.95
"""Most of the used cap a summary may take, so that a long one cannot push out every assumption."""
SHRUNK = 0.75
"""A summary below this share of the old one's tokens has been compacted."""
KEPT = 0.5
"""A compacted summary keeps this share of the old one's names and numbers, in itself or as facts."""
FEW_MARKS = 6
"""Below so many names and numbers a share says nothing."""
LEFT_ITEMS = 64
"""Most items named as having left a summary."""
LEFT_CHARS = 160
"""Longest item, characters; the version before holds the whole text."""


def check_summary(old: str, new: str, elsewhere: Sequence[str], room: int) -> None:
    """Fail a fold whose summary is no summary, or loses more names and numbers than compaction to `room` needed.

    Raises:
        RejectedDeltaError: names what is wrong.
    """
    opening = islice(iterate_words(surface(new)), LONGEST_PLACEHOLDER + 1)
    if " ".join(word.text for word in opening) in _EMPTY or _REFUSAL.match(new.strip()):
        raise RejectedDeltaError(reason="the summary is a placeholder or a refusal")
    before, size = marks(old), count_tokens(old)
    if len(before) < FEW_MARKS or size > room or count_tokens(new) >= SHRUNK * size:
        return
    lost = _absent(before, _vocabulary([new, *elsewhere]))
    if len(lost) > (1 - KEPT) * len(before):
        raise RejectedDeltaError(
            reason=f"the summary loses {len(lost)} of {len(before)} names and numbers though there is room"
        )


def check_echoes(summary: str, echoes: Sequence[str], said: Collection[str]) -> None:
    """Fail a fold whose summary repeats an example of the prompt that nobody in the chat said.

    Raises:
        RejectedDeltaError: names the echo.
    """
    heard = _joined(summary) if echoes else ""
    for echo in echoes:
        example = _joined(echo)
        if example.strip() and example in heard and not any(example in _joined(text) for text in said):
            raise RejectedDeltaError(reason=f"the summary repeats the prompt's example {echo[:40]!r}")


def quarantine_lines(summary: str, old: str) -> tuple[str, list[str]]:
    """Part a summary from the sentences that read like instructions to a model, each named with the reason (rule 6).

    Lines of the old summary have passed before.
    """
    passed = set(old.splitlines())
    if not find_instruction("\n".join(_LABEL.sub("", line) for line in summary.splitlines() if line not in passed)):
        return summary, []
    kept: list[str] = []
    withheld: list[str] = []
    for line in summary.splitlines():
        rest, found = (line, []) if line in passed else _quarantine_sentences(line)
        withheld += [f"quarantined, {reason}: {text[:LEFT_CHARS]}" for text, reason in found]
        kept += [rest] if rest or not found else []
    return "\n".join(kept), withheld[:LEFT_ITEMS]


def _quarantine_sentences(line: str) -> tuple[str, list[tuple[str, str]]]:
    """Part a line; one that names its turn is one sentence, and so is one that reads so only as a whole."""
    label = _LABEL.match(line)
    own = label is not None and label[0].endswith(" user: ")
    reason = find_instruction(_LABEL.sub("", line), users_own=own)
    if not reason or label:
        return ("", [(line, reason)]) if reason else (line, [])
    sentences = [(text, find_instruction(text)) for text in _SENTENCE_END.split(line)]
    rest = " ".join(text for text, why in sentences if not why)
    return ("", [(line, reason)]) if find_instruction(rest) else (rest, [(text, why) for text, why in sentences if why])


def fit_lines(summary: str, room: int) -> tuple[str, list[str]]:
    """Keep the lines that fit `room` tokens, first ones first, and name the others.

    Prose without lines goes by its sentences; a sentence that fills the room alone is cut at a word.
    """
    if count_tokens(summary) <= room:
        return summary, []
    lines = summary.splitlines()
    if lines and count_tokens(lines[0]) > room:
        lines = split_sentences(summary) or lines
    kept = 0
    used = 0
    for line in lines:
        used += count_tokens(line) + 1
        if used > room:
            break
        kept += 1
    if kept == 0 and lines:
        return fit_words(lines[0], max(room, 0)), lines
    return "\n".join(lines[:kept]), lines[kept:]


def append_lines(summary: str, lines: Sequence[str], room: int) -> tuple[str, list[str]]:
    """Fit a summary, and lines behind it that it does not hold yet, the newest of them in at most half of the room.

    Returns the text and what had no room.
    """
    new = [line for line in dict.fromkeys(lines) if line.partition(": ")[2] not in summary]
    used, kept = 0, len(new)
    while kept and used + (cost := count_tokens(new[kept - 1]) + 1) <= room // 2:
        used += cost
        kept -= 1
    fitted, trimmed = fit_lines(summary, room - used)
    return "\n".join([*([fitted] if fitted else []), *new[kept:]]), [*trimmed, *new[:kept]]


def name_left(old: str, remains: Sequence[str], trimmed: Sequence[str] = ()) -> tuple[str, ...]:
    """Name what left a summary: whole lines of which little remains, and the names and numbers of reworded ones."""
    lines = {line for text in remains for line in text.splitlines()}
    gone = [line for line in old.splitlines() if line not in lines]
    vocabulary = _vocabulary(remains) if gone else ()
    left = [item for line in gone for item in _left_of(line, vocabulary)]
    named = dict.fromkeys(item[:LEFT_CHARS] for item in [*left, *trimmed] if item.strip())
    items = list(named)
    more = len(items) - LEFT_ITEMS
    return (*items[: LEFT_ITEMS - 1], f"and {more + 1} more") if more > 0 else tuple(items)


def marks(text: str) -> list[str]:
    """List the names (capitalised inside a sentence) and numbers of a text, each once, in order."""
    found = (mark for line in text.splitlines() for mark in _MARK.findall(_LABEL.sub("", line)))
    return list(dict.fromkeys(found))


def _joined(text: str) -> str:
    return f" {' '.join(words(text))} "


def _left_of(line: str, vocabulary: Collection[str]) -> list[str]:
    told = content_words(line)
    if _LABEL.match(line) or sum(word in vocabulary for word in told) < KEPT * len(told):
        return [line]
    return _absent(marks(line), vocabulary)


def _absent(names: Iterable[str], vocabulary: Collection[str]) -> list[str]:
    return [name for name in names if not set(words(name)) <= set(vocabulary)]


def _vocabulary(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(word for text in texts for line in text.splitlines() for word in words(_LABEL.sub("", line)))
