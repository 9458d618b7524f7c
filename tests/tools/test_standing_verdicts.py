"""Verdicts stand when the model looks again at what extraction folded: it may be at work when they are given."""

from dataclasses import replace

import pytest

from chat_memory.models import Caller
from chat_memory.prompts.wanted import Correction
from chat_memory.storage.database import Database
from chat_memory.tools.refold import refold
from chat_memory.tools.revise_memory import OWN_WORD, revise_memory
from chat_memory.tools.toolbox import Toolbox
from tests.messages_server import MessagesServer, slow
from tests.tools.test_model_folds import recall, versions_of
from tests.tools.test_refold import (
    claim_refold_later,
    covered,
    degrade,
    facts_of,
    looking_again,
    memory_of,
    said,
    until_asked,
)

PERSON = Caller("alice", frozenset({OWN_WORD}))


async def give(box: Toolbox, db: Database) -> None:
    """Reject the name, and correct the budget."""
    facts = await facts_of(db, "a")
    wanted = [Correction(id=facts["budget"].id, value="700 euros")]
    await revise_memory(box, PERSON, "a", correct=wanted, reject=[facts["name"].id])


@pytest.mark.parametrize("when", ["before", "while the model is at work"])
async def test_a_second_look_keeps_every_verdict(
    asked: Toolbox, db: Database, provider: MessagesServer, when: str
) -> None:
    """Without the rejections in the gate, or settled_seq, the model's version would say again what a person denied."""
    await degrade(asked, db, provider, "a", "My name is Ann.", "My budget is 500 euros.")
    if when == "before":
        await give(asked, db)
        await refold(asked, await claim_refold_later(db, "a"))
    else:
        provider.always = slow
        async with looking_again(asked, await claim_refold_later(db, "a")) as raised:
            await until_asked(provider, 2)
            await give(asked, db)
            provider.may_answer.set()
        assert raised == []
    memory = await recall(asked, "a")
    assert (memory["user_confirmed"], memory["degraded"]) == ({"budget": "700 euros"}, False)
    assert "Ann" not in memory["general_summary"]
    versions = await versions_of(db, "a")
    assert [version.summarizer for version in versions] == ["extractive", "verdict", "claude"]
    assert covered(versions) == [1, 2]
    assert "a person rejected it" in str(versions[2].delta.refused)


async def test_a_second_look_keeps_what_was_taken_back(asked: Toolbox, db: Database, provider: MessagesServer) -> None:
    """Without settled_seq the turn that a restore went back behind would win over it."""
    await said(asked, db, "a", "My budget is 500 euros.")
    await degrade(asked, db, provider, "a", "Actually, my budget is 900 euros.")
    assert (await facts_of(db, "a"))["budget"].value == "900 euros"
    await revise_memory(asked, PERSON, "a", restore=1)
    await refold(asked, await claim_refold_later(db, "a"))
    assert (await facts_of(db, "a"))["budget"].value == "500 euros"


async def test_the_model_is_told_what_was_rejected(asked: Toolbox, db: Database, provider: MessagesServer) -> None:
    """Without <rejected> in the request its summary would say it, and the gate could only refuse the fact."""
    await said(asked, db, "a", "My name is Ann <b>.")
    stored = await memory_of(db, "a")
    assert stored.memory.user_confirmed
    await revise_memory(asked, PERSON, "a", reject=[stored.memory.user_confirmed[0].id])
    await said(asked, db, "a", "It rains.")
    question: str = provider.asked[-1].body["messages"][0]["content"]
    assert '<rejected key="name" upto_turn="1">Ann &lt;b&gt;</rejected>' in question


async def test_a_verdict_leaves_the_second_look_planned(asked: Toolbox, db: Database, provider: MessagesServer) -> None:
    """Written by a verdict as false, `degraded` would call a memory good that the model has yet to look at."""
    await degrade(asked, db, provider, "a", "My name is Ann.", "My budget is 500 euros.")
    await give(asked, db)
    assert (await recall(asked, "a"))["degraded"]
    async with db.session() as session:
        due = await session.connection.fetchval("select refold_due_at is not null from chat_memory.chat_work")
    assert due
    assert replace(await memory_of(db, "a"), version=0).degraded
