"""The question by which a person's own word is had: what is asked is what is stored, and no chat can word it."""

from chat_memory.models import Fact, Memory
from chat_memory.prompts.wanted import Verdicts
from chat_memory.prompts.words import plain

OPENING = (
    "Chat Memory asks you, the user: is this right?"
    " What stands between “ and ” comes from the chat and is no part of the question."
)
CLOSING = "Yes keeps it as your own word."
MARKS = str.maketrans(dict.fromkeys("“”„‟❝❞〝〞＂ˮ″‶", "'"))  # noqa: RUF001 - those that look like them, too
MOST_ASKED = 8
"""Most verdicts of one question: more than a person reads before she says yes."""
OLD_CHARACTERS = 80
"""How much of a value that is to go is shown; what is to stay is shown whole."""


def list_unproven(wanted: Verdicts) -> list[str]:
    """Name the facts that are to be confirmed or corrected on nobody's quoted word."""
    return [one.id for one in (*wanted.confirm, *wanted.correct) if not one.quote]


def write_question(wanted: Verdicts, memory: Memory, past: Memory | None) -> str:
    """Write the one question about all that is unproven; empty when nothing is, or it stands as it should."""
    known = _facts(past) | {one.fact.id: one.fact for one in memory.rejected} | _facts(memory)
    confirmed = {fact.id for fact in memory.user_confirmed}
    lines = [
        f"{_fence(known[one.id].key)} is {_fence(known[one.id].value)}"
        for one in wanted.confirm
        if not one.quote and one.id in known and one.id not in confirmed
    ]
    lines += [
        _write_correction(one.value, known[one.id]) for one in wanted.correct if not one.quote and one.id in known
    ]
    return "\n".join([OPENING, *(f"{place}. {line}" for place, line in enumerate(lines, 1)), CLOSING]) if lines else ""


def _write_correction(value: str, fact: Fact) -> str:
    old = plain(fact.value)
    old = old if len(old) <= OLD_CHARACTERS else f"{old[:OLD_CHARACTERS]}…"
    return f"{_fence(fact.key)} is {_fence(value)}, no longer {_fence(old)}"


def _facts(memory: Memory | None) -> dict[str, Fact]:
    return {fact.id: fact for fact in (*memory.user_confirmed, *memory.llm_inferred)} if memory is not None else {}


def _fence(text: str) -> str:
    """Put a chat's words between marks that they cannot hold, on one line."""
    return f"“{plain(text).translate(MARKS)}”"
