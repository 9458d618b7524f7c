"""A memory's life told again from its deltas alone: what promise 4 lets anybody do."""

from collections.abc import Iterable

from chat_memory.models import Change, Fact, Memory

STATED = {"user_stated", "operator"}
"""What may be confirmed: with any other basis a fact is a guess."""


def replay(changes: Iterable[Change]) -> list[dict[str, Fact]]:
    """Return the facts by id after each version, beginning with no memory at all."""
    facts: dict[str, Fact] = {}
    told: list[dict[str, Fact]] = []
    for change in changes:
        facts = facts | {fact.id: fact for fact in change.added}
        for each in change.replaced:
            facts.pop(each.old.id, None)  # a re-fold may bring back what it then replaces
            facts |= {each.new.id: each.new} if each.new is not None else {}
        for fact in change.evicted:
            facts.pop(fact.id, None)  # or has no room for
        facts |= {fact.id: fact for fact in change.confirmed if fact.id in facts}
        told.append(facts)
    return told


def facts_of(memory: Memory) -> dict[str, Fact]:
    """The facts of a memory by id; each stands where its basis lets it."""
    assert all(fact.basis in STATED for fact in memory.user_confirmed)
    assert not any(fact.basis in STATED for fact in memory.llm_inferred)
    return {fact.id: fact for fact in (*memory.user_confirmed, *memory.llm_inferred)}
