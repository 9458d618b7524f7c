"""The question by which a person's own word is had: what is asked is what is stored, and no chat can word it."""

from collections.abc import Iterator

from chat_memory.models import Fact, Memory, Verdicts
from chat_memory.prompts.words import plain

OPENING = (
    "Chat Memory asks you, the user: is this right?"
    " What stands between “ and ” comes from the chat and is no part of the question."
)
CLOSING = "Yes keeps it as your own word."
MARKS = str.maketrans("“”", "''")
MOST_ASKED = 8
"""Most verdicts of one question: more than a person reads before she says yes."""
OLD_CHARACTERS = 80
"""How much of a value that is to go is shown; what is to stay is shown whole."""


def list_unproven(wanted: Verdicts) -> list[str]:
    """Name the facts that are to be confirmed or corrected on nobody's quoted word."""
    return [one.id for one in (*wanted.confirm, *wanted.correct) if not one.quote]


def write_question(wanted: Verdicts, memory: Memory, past: Memory | None) -> str:
    """Write the one question about all that is unproven; empty when nothing is, or nothing of it is there."""
    facts = _facts(past) | {one.fact.id: one.fact for one in memory.rejected} | _facts(memory)
    lines = [f"{place}. {line}" for place, line in enumerate(_lines(wanted, facts), 1)]
    return "\n".join([OPENING, *lines, CLOSING]) if lines else ""


def _lines(wanted: Verdicts, facts: dict[str, Fact]) -> Iterator[str]:
    for one in wanted.confirm:
        if not one.quote and one.id in facts:
            yield f"{_fence(facts[one.id].key)} is {_fence(facts[one.id].value)}"
    for other in wanted.correct:
        if not other.quote and other.id in facts:
            old = plain(facts[other.id].value)
            old = old if len(old) <= OLD_CHARACTERS else f"{old[:OLD_CHARACTERS]}…"
            yield f"{_fence(facts[other.id].key)} is {_fence(other.value)}, no longer {_fence(old)}"


def _facts(memory: Memory | None) -> dict[str, Fact]:
    return {fact.id: fact for fact in (*memory.user_confirmed, *memory.llm_inferred)} if memory is not None else {}


def _fence(text: str) -> str:
    """Put a chat's words between marks that they cannot hold, on one line."""
    return f"“{plain(text).translate(MARKS)}”"
