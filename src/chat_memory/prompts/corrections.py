"""What a user takes back: `no, make it five`, `not Rome but Paris`, as new values of known facts."""

import re
from collections.abc import Sequence

from chat_memory.models import Fact
from chat_memory.prompts.alternatives import SINGLE
from chat_memory.prompts.spans import kind_of
from chat_memory.prompts.statements import Statement
from chat_memory.prompts.subjects import brings_up
from chat_memory.prompts.words import content_words, words

_NEW = r"(?P<new>[^,;:.!?()\"\n]{1,60}?(?:[.,:]\d[^,;:.!?()\"\n]{0,20}?){0,4})"
_OLD = r"(?P<old>[^,;:.!?()\"\n]{1,60}?(?:[.,:]\d[^,;:.!?()\"\n]{0,20}?){0,4})"
_END = r"(?=\s*(?:[,;!?()]|\.(?!\d)|:(?!\d)|$|\s(?:please|instead|now|then|for now|only)\b))"
_AT = r"(?:in |at |on |for |to )?"
_LEAD = r"(?:\b(?:it's|it is|its|is|in|at|on|for|to|say|make it|want|prefer|use|choose) |^)"
_MAKE = re.compile(
    r"\b(?:make (?:it|that|them)|change (?:it|that|the (?:date|day|time|duration|number|amount)) to|let's say"
    rf"|i meant|i mean) {_NEW}{_END}",
    re.IGNORECASE,
)
_SWAPS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\bnot {_AT}{_OLD}, (?:it's|it is|its|make it) {_AT}{_NEW}{_END}",
        rf"\bnot {_AT}{_OLD},? but (?:rather )?{_AT}{_NEW}{_END}",
        rf"{_LEAD}(?!it's\b|it is\b){_NEW},? not {_AT}{_OLD}{_END}",
        rf"{_LEAD}{_NEW} instead of {_OLD}{_END}",
        rf"\binstead of {_OLD},? (?:let's |i |i'd |we )?(?:make it |use |go with |want |prefer |take )?{_NEW}{_END}",
    )
)


_CORRECTS = re.compile(
    r"^(?:(?:oh|hm+|well|wait|yes|ok|okay|sure),? )?(?:i['\u2019]?m )?(?:no|nope|nah|wrong|sorry|wait|not)\b"
    r"(?!,? (?:thanks|thank|problem|worries|that's|need|preference|more))"
    r"|\b(?:actually|instead|rather than|on second thought|chang(?:e|ed|ing)|make (?:it|that|them)|i meant|i mean"
    r"|not right|my mind|correction|this time|try|again|different|other|another|else|mistaken?|wrong|incorrect)\b",
    re.IGNORECASE,
)
"""Words after which a new date, time or amount takes the place of the old one, in this sentence and those after it."""
_WITHDRAWS = re.compile(r"\b(?:no longer|any ?more|forget|quit|delete|remove|disregard|scrap)\b", re.IGNORECASE)


def find_corrections(sentence: str, facts: Sequence[Fact]) -> list[Statement]:
    """Find what a sentence says anew about known facts; nothing when it is unclear about which."""
    swaps = [
        Statement(old.key, match["new"].strip(), match.start(), match.end())
        for pattern in _SWAPS
        for match in pattern.finditer(sentence)
        if (old := _holding(match["old"], facts)) is not None
    ]
    return swaps or [
        Statement(old.key, match["new"].strip(), match.start(), match.end())
        for match in _MAKE.finditer(sentence)
        if (old := _latest_of_kind(match["new"].strip(), facts)) is not None
    ]


def corrects_something(sentence: str) -> bool:
    """Tell whether a sentence, with what follows it in its turn, may put something new in place of the old."""
    return _CORRECTS.search(sentence) is not None


def find_outdated(statement: Statement, clause: str, facts: Sequence[Fact], seq: int) -> Fact | None:
    """Find the fact that a correcting statement takes the place of: the latest of its type, from an earlier turn.

    What its clause brings up as something new has a date or time of its own: `actually, book a table at 7 pm`.
    """
    kind = kind_of(statement.value)
    bare = statement.key == kind
    alike = [
        fact
        for fact in facts
        if kind in SINGLE
        and kind_of(fact.value) == kind
        and (bare or fact.key.endswith(kind))
        and fact.source_seq < seq
    ]
    if not bare and any(fact.key == statement.key for fact in alike):
        return None
    latest = [fact for fact in alike if fact.source_seq == max(other.source_seq for other in alike)]
    old = latest[-1] if latest else None
    return None if old is None or (not bare and brings_up(old, words(clause), statement.value, statement.key)) else old


def is_withdrawal(sentence: str) -> bool:
    """Tell whether a sentence may take a known fact back without a new value."""
    return _WITHDRAWS.search(sentence) is not None


def _holding(text: str, facts: Sequence[Fact]) -> Fact | None:
    """Find the one fact whose value is the text taken back."""
    wanted = content_words(text)
    holders = [fact for fact in facts if wanted and words(fact.value)[: len(wanted)] == wanted]
    return holders[0] if len(holders) == 1 else None


def _latest_of_kind(new: str, facts: Sequence[Fact]) -> Fact | None:
    """Find the fact a bare new value must mean: of its type, and the only one its turn stated."""
    kind = kind_of(new)
    kinds = {"number", "count"} if kind in {"number", "count"} else {kind}
    alike = [fact for fact in facts if kind is not None and kind_of(fact.value) in kinds]
    latest = [fact for fact in alike if fact.source_seq == max(other.source_seq for other in alike)]
    return latest[0] if len(latest) == 1 else None
