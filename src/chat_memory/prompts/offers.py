"""What the user takes in the place of what could not be had: `6 pm is full, how about 7?`, then `yes, that works`."""

import re
from collections.abc import Sequence
from typing import TypeVar

from chat_memory.models import Fact, ProposedFact, Turn
from chat_memory.prompts.scopes import marker
from chat_memory.prompts.sentences import split_sentences
from chat_memory.prompts.spans import SpanType, find_spans, kind_of
from chat_memory.prompts.values import find_runs
from chat_memory.prompts.words import lexicon, words

Stated = TypeVar("Stated", Fact, ProposedFact, Fact | ProposedFact)
OFFERED: frozenset[SpanType] = frozenset({"time"})
"""Types of which an offer is compared: a date is written in too many ways to say that another one is meant."""
ANSWER_CHARS = 300
"""Longest turn that is taken for a yes, characters: a longer one says more than that."""
_OPENING_CHARS = 40
"""So much of a turn tells whether it begins with a yes."""
OFFER_CHARS = 1000
"""Longest turn an offer is looked for in, characters."""
_YES = re.compile(
    r"(?:yes|yea|yeah|yep|yup|correct|right|exactly|indeed|sure|ok|okay|great|perfect|fine|absolutely|definitely"
    r"|(?:thank you |thanks )?i (?:can|could|will) (?:do|make|take) (?:that|it)"
    r"|i'm (?:good|fine|ok|okay) with (?:that|it)"
    r"|please (?:do|try|go ahead)"
    r"|sounds (?:good|great|fine|perfect)"
    r"|(?:that|it)(?: one)?(?:'ll| 's| is| will| would)?(?: be)?"
    r" (?:right|correct|works?|do|fine|good|great|perfect|ok|okay))\b"
)
_RECONSIDERS = lexicon("actually instead wait rather but unless if later")
"""With one of these a yes is not the whole answer."""
_DECLINES = re.compile(
    r"\b(?:sorry|apologi[sz]e|unfortunately|afraid|regret|unable|unavailable|fully booked|sold out|instead|alternative"
    r"|(?:could|was|were|is|does) ?(?:n['\u2019]?t|not)|can(?:['\u2019]?t| ?not)"
    r"|not (?:able|available|successful|possible|made|completed)|nothing available|did ?n['\u2019]?t|went wrong"
    r"|(?:an?|some|there was) (?:issue|problem|error)|failed)\b",
    re.IGNORECASE,
)
"""What says that something could not be had as it was wanted."""


def accepts(content: str) -> str:
    """Give the sentence with which a turn says yes, where it says nothing against that; empty when it does not."""
    if len(content) > ANSWER_CHARS or not _YES.match(" ".join(words(content[:_OPENING_CHARS]))):
        return ""
    spoken, agreed = words(content), next(iter(split_sentences(content)), "")
    refused = marker("negation", spoken) >= 0 or not _RECONSIDERS.isdisjoint(spoken)
    return "" if refused or agreed.endswith("?") else agreed


def find_offer(asked: str, old: str, answer: str) -> str:
    """Find the value that an answer accepts in the place of `old`: the last of its type in a turn that declines.

    Empty when the turn declines nothing, or the answer has a value of that type of its own.
    """
    kind = kind_of(old)
    if kind not in OFFERED or len(asked) > OFFER_CHARS or not _DECLINES.search(asked) or not accepts(answer):
        return ""
    offered = [span.text for span in find_spans(asked) if span.kind == kind]
    told = any(span.kind == kind for span in find_spans(answer))
    return offered[-1] if offered and not told and words(offered[-1]) != words(old) else ""


def find_displaced(asked: str, answer: str, stated: Sequence[Stated]) -> tuple[Stated, str] | None:
    """Find what was stated that an answer gives up, and the offered value: what the offer names, else the latest.

    None when nothing was offered in its place, or when it is unclear which of several.
    """
    offers = [(fact, offer) for fact in stated if (offer := find_offer(asked, fact.value, answer))]
    spoken = words(asked)
    named = [each for each in offers if find_runs(each[0].value, spoken)]
    newest = max((fact.source_seq for fact, _ in offers), default=0)
    latest = named or [each for each in offers if each[0].source_seq == newest]
    return latest[0] if len(latest) == 1 else None


def needs_question(turns: Sequence[Turn]) -> bool:
    """Tell whether pending turns open with the user's yes, which says nothing without the turn before it."""
    return bool(turns) and turns[0].is_users_word and accepts(turns[0].content) != ""
