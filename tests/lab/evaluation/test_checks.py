"""What is checked of every memory."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chat_memory.lab.evaluation.checks import Checks, is_verified
from chat_memory.models import Basis, Caller, Fact, Message, Turn
from chat_memory.settings import Settings
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

TURN = Turn(1, "user", attested=True, content="My budget is 300 euros. ☂", created_at=datetime(2026, 1, 2, tzinfo=UTC))


def make_fact(quote: str, basis: Basis = "user_stated") -> Fact:
    """Make a fact that cites turn 1."""
    about = {"id": "f1.1", "key": "budget", "value": "300 euros", "first_version": 1, "last_version": 1}
    return Fact.model_validate({**about, "basis": basis, "quote": quote, "source_seq": 1})


@pytest.mark.parametrize(
    ("quote", "basis", "verified"),
    [
        ("my BUDGET is 300 euros", "user_stated", True),
        ("☂", "user_stated", True),
        ("My budget is 400 euros.", "user_stated", False),
        ("", "user_stated", False),
        ("", "inferred", True),
        ("about 300 euros", "inferred", False),
    ],
)
def test_a_fact_is_verified_by_its_turn_only(quote: str, basis: Basis, *, verified: bool) -> None:
    """Fails when a quote that differs verifies, or a stated fact without one."""
    assert is_verified(make_fact(quote, basis), TURN) == verified


def test_what_is_stated_needs_an_attested_user_turn_that_is_there() -> None:
    fact = make_fact("My budget is 300 euros.")
    assert not is_verified(fact, None)
    assert not is_verified(fact, replace(TURN, attested=False))
    assert not is_verified(fact, replace(TURN, role="assistant"))


async def test_every_version_is_looked_at(box: Toolbox) -> None:
    """Fails when only the last memory is: a value that was corrected was believed once, too."""
    caller, checks = Caller("eval"), Checks()
    for said in ("My budget is 300 euros.", "Actually, my budget is 400 euros."):
        await update_memory(box, caller, "chat", [Message(role="user", content=said)])
        await summarize(box, caller, "chat")
    await checks.look(box, "chat")
    assert (checks.memories, checks.over_cap) == (2, 0)
    assert checks.facts == checks.verified == 2


async def test_a_memory_over_its_cap_is_counted(box: Toolbox) -> None:
    """Fails without the count of over_cap: the cap the memory was made under is larger here."""
    caller, checks = Caller("eval"), Checks()
    await update_memory(box, caller, "chat", [Message(role="user", content="My budget is 300 euros.")])
    await summarize(box, caller, "chat")
    await checks.look(replace(box, settings=Settings.model_construct(memory_tokens=1)), "chat")
    assert (checks.memories, checks.over_cap) == (1, 1)
