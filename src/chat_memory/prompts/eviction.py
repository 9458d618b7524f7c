"""Who leaves a memory that is full."""

from collections.abc import Callable, Iterable

from chat_memory.models import Fact


def choose_leaving(facts: Iterable[Fact], over: int, cost: Callable[[Fact], int]) -> list[Fact]:
    """Choose the facts that go to free `over` tokens: those another chat still holds, then the oldest."""
    leaving: list[Fact] = []
    for fact in sorted(facts, key=_age) if over > 0 else ():
        if over <= 0:
            break
        leaving.append(fact)
        over -= cost(fact)
    return leaving


def _age(fact: Fact) -> tuple[bool, int, int]:
    return fact.origin is None, fact.last_version, fact.first_version
