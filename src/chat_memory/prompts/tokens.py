"""How much a model must read: estimates in tokens, for text, facts and whole memories.

No tokenizer ships for current models (shared notes, anthropic-sdk.md), so text is cut into pieces that a tokenizer
would hardly join. Fitted on 1,600 chat messages against the last public Claude vocabulary: 14 % above it in total, and
not below it on 95 of 100 messages. Newer models may read up to a third more: callers use 90 % of a cap, and calibrate.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from chat_memory.models import Fact, Memory, ProposedFact

_PIECE = re.compile(
    r" ?[A-Za-z]{1,7}"  # a short word with its space, or a part of a long one
    r"| ?\d{1,3}"
    r"|[^\w\s]{1,3}"
    r"|[^\S\n]{0,16}\n{1,4}|\s{1,16}"  # bounded runs: no input makes this slow
    r"|[\u0370-\u05ff]{1,2}"  # Greek, Cyrillic, Armenian, Hebrew
    r"|[\w_]"  # one by one: accented Latin, CJK, Arabic, Indic
)
_DENSE = re.compile(r"[\u0900-\u1fff\u2e80-\ud7ff]")
_ASTRAL = re.compile(r"[\U00010000-\U0010ffff]")

SHORT_CHARACTERS = 16_384
"""Longest text whose count is remembered: what is remembered stays within a few megabytes."""
CAP_SHARE = 0.9
"""Share of a token cap that is used, because counts are estimates (shared notes, anthropic-sdk.md)."""
FACTS_SHARE = 0.5
"""Share of the used cap that confirmed facts may fill: the other half is the summary's, so both always have room."""
FACT_TOKENS = 4
"""What a fact costs beyond its key and value: quotes, colon and comma of its line."""


def count_tokens(text: str) -> int:
    """Estimate the tokens of `text`; rather too many than too few, and the same every time."""
    return _count_short(text) if len(text) <= SHORT_CHARACTERS else _count(text)


def _count(text: str) -> int:
    pieces = len(_PIECE.findall(text))
    if text.isascii():
        return pieces
    dense = -(-len(_DENSE.findall(text)) // 4)  # rounded up: a whole never counts more than its lines together
    return pieces + dense + 2 * len(_ASTRAL.findall(text))


_count_short = lru_cache(maxsize=512)(_count)
"""A fold asks for the same few texts several times over."""


def count_facts(facts: Iterable[Fact | ProposedFact]) -> int:
    """Estimate the tokens of facts as a reader sees them: key and value, without evidence."""
    return sum(count_tokens(fact.key) + count_tokens(fact.value) + FACT_TOKENS for fact in facts)


def count_memory(memory: Memory) -> int:
    """Estimate the tokens of the three fields."""
    return count_facts(memory.user_confirmed) + count_facts(memory.llm_inferred) + count_tokens(memory.general_summary)


def facts_room(memory_tokens: int) -> int:
    """Say how many tokens of a memory's cap confirmed facts may fill."""
    return int(memory_tokens * CAP_SHARE * FACTS_SHARE)


def fit_words(text: str, tokens: int) -> str:
    """Cut `text` at a word boundary so that it fits `tokens`, with … in place of the rest; empty when nothing fits."""
    if count_tokens(text) <= tokens:
        return text
    low, high = 0, min(len(text), 64 * max(tokens, 0))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count_tokens(text[:middle]) < tokens else (low, middle - 1)
    head = text[:low]
    whole = head if text[low : low + 1].isspace() else head.rpartition(" ")[0] or head
    return f"{whole.rstrip()}…" if whole.strip() else ""
