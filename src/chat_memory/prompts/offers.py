"""What the user takes in the place of what could not be had: `6 pm is full, how about 7?`, then `yes, that works`."""

import re
from collections.abc import Sequence
from typing import TypeVar

from chat_memory.models import Fact, ProposedFact, Turn
from chat_memory.prompts.clauses import read
from chat_memory.prompts.clocks import is_bound, same_time
from chat_memory.prompts.scopes import TAKES_BACK, marker
from chat_memory.prompts.sentences import split_sentences
from chat_memory.prompts.spans import Span, SpanType, find_spans, kind_of
from chat_memory.prompts.subjects import is_spoken_of
from chat_memory.prompts.words import lexicon, words

Stated = TypeVar("Stated", Fact, ProposedFact, Fact | ProposedFact)
OFFERED: frozenset[SpanType] = frozenset({"time"})
"""Types of which an offer is compared: a date is written in too many ways to say that another one is meant."""
ANSWER_CHARS = 300
"""Longest turn that is taken for a yes, characters: a longer one says more than that."""
_QUOTES = frozenset('"<>`\u201c\u201d\u00ab\u00bb')
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
_HEDGES = TAKES_BACK | lexicon(
    "think ask check know guess keep leave late early hate hold maybe perhaps until tell show"
)
"""With one of these nothing is settled yet."""
_AGREES = lexicon(
    "yes yea yeah yep yup correct right exactly indeed sure ok okay great perfect fine absolutely definitely thank"
    " thanks you please i i'm i'll i'd can could will would 'll 's 'd is its it's am be do make take try go ahead like"
    " love want book reserve get buy again that it this one works work sounds good also too well as that'll"
    " it'll for with me us my so then very much just out great wonderful excellent lovely awesome the a"
)
"""A yes of nothing but these, and a word or two behind `that` or `the`, is one to what was asked."""
_NAMED = re.compile(r"\b(?:that|this|the|a) \w+(?: \w+)?$")
_OPEN_HOURS = lexicon(
    "close closes closed closing open opens opening serve serves served until till full booked taken sold unavailable"
    " nor neither"
)
"""In the clause of a time these say that it is no offer."""
_DECLINES = re.compile(
    r"\b(?:sorry|apologi[sz]e|unfortunately|afraid|regret|unable|unavailable|fully booked|sold out|instead|alternative"
    r"|(?:could|was|were|is|does) ?(?:n['\u2019]?t|not)|can(?:['\u2019]?t| ?not)"
    r"|not (?:able|available|successful|possible|made|completed)|nothing available|did ?n['\u2019]?t|went wrong"
    r"|(?:an?|some|there was) (?:issue|problem|error)|failed|(?:is|are) (?:already )?(?:full|taken|booked))\b",
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


def takes(content: str) -> bool:
    """Tell whether a turn takes what was offered, and says no more of that: `ok, I'll ask Bob` does not."""
    agreed = accepts(content)
    if not agreed or not _QUOTES.isdisjoint(content):
        return False
    spoken = words(content)
    told = _NAMED.sub("", " ".join(words(agreed))).split()
    return _HEDGES.isdisjoint(spoken) and marker("condition", spoken) < 0 and _AGREES.issuperset(told)


def find_displaced(asked: str, answer: str, stated: Sequence[Stated]) -> tuple[Stated, str] | None:
    """Find what was stated that an answer gives up, and the offered value: what the offer names, else the latest.

    None when nothing was offered in its place, when it is unclear which of several, or when the turn is about
    something else: it has another time, or nothing that the latest is of. What was carried over from another chat is
    given up only where it is named.
    """
    times = _read_offer(asked, answer)
    giving = [fact for fact in stated if times and _gives_way(fact.value, times[-1])]
    named = [fact for fact in giving if any(same_time(fact.value, time) for time in times[:-1])]
    newest = max((fact.source_seq for fact in giving), default=0)
    latest = named or [fact for fact in giving if fact.source_seq == newest > 0 and len(times) == 1]
    if len(latest) != 1 or not (named or is_spoken_of(latest[0], words(asked))):
        return None
    return latest[0], times[-1]


def _read_offer(asked: str, answer: str) -> list[str]:
    """Read the times of a turn that declines, the last of them offered; none where the answer does not take that."""
    if not takes(answer) or _times(answer) or len(asked) > OFFER_CHARS or not _DECLINES.search(asked):
        return []
    times = _times(asked)
    return [span.text for span in times] if times and _is_offered(asked, times[-1]) else []


def _gives_way(old: str, offered: str) -> bool:
    return kind_of(old) in OFFERED and not is_bound(old) and not same_time(offered, old)


def _times(text: str) -> list[Span]:
    return [span for span in find_spans(text) if span.kind in OFFERED]


def _is_offered(asked: str, span: Span) -> bool:
    """Tell whether the clause of a time offers it, and does not say that something is not to be had or closes then."""
    reading = read(asked)
    clause = next((each for each in reversed(reading.clauses) if reading.found[each.start].start <= span.start), None)
    spoken = [word.text for word in reading.found[clause.start : clause.end]] if clause is not None else []
    return marker("negation", spoken) < 0 and _OPEN_HOURS.isdisjoint(spoken) and "so is" not in " ".join(spoken)


def needs_question(turns: Sequence[Turn]) -> bool:
    """Tell whether pending turns open with the user's yes, which says nothing without the turn before it."""
    return bool(turns) and turns[0].is_users_word and accepts(turns[0].content) != ""
