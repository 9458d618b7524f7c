"""Who leaves a memory that is full, and what stays of who does not come in."""

from collections.abc import Callable, Iterable

from chat_memory.models import Fact, ProposedFact
from chat_memory.prompts.tokens import fit_words

SENTENCE_TOKENS = 80
"""Longest sentence kept in place of a fact, tokens: as long as a line of the extractive summary."""
NO_ROOM = "no room among the facts: its sentence went to the summary"


def choose_leaving(facts: Iterable[Fact], over: int, cost: Callable[[Fact], int]) -> list[Fact]:
    """Choose the facts that go to free `over` tokens: those another chat still holds, then the oldest."""
    leaving: list[Fact] = []
    for fact in sorted(facts, key=_age) if over > 0 else ():
        if over <= 0:
            break
        leaving.append(fact)
        over -= cost(fact)
    return leaving


def write_sentence(proposal: ProposedFact) -> str:
    """Write the sentence of a fact that has no room, as a line of a summary."""
    return fit_words(f"[{proposal.source_seq}] user: {' '.join(proposal.quote.split())}", SENTENCE_TOKENS)


def _age(fact: Fact) -> tuple[bool, int, int]:
    return fact.origin is None, fact.last_version, fact.first_version
