"""An offer the user takes, from tool call to memory: what gives way is named, and comes back when it is restored."""

import pytest

from chat_memory.models import Caller, Message
from chat_memory.prompts.extractive import Extractive
from chat_memory.storage import memory_versions
from chat_memory.storage.database import Database
from chat_memory.tools.fold import fold
from chat_memory.tools.get_memory import read_memory
from chat_memory.tools.past import list_versions
from chat_memory.tools.refold import refold
from chat_memory.tools.revise_memory import OWN_WORD, revise_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory
from tests.chats import OWNER, claim_one, key_of
from tests.messages_server import MessagesServer
from tests.replay import facts_of, replay
from tests.tools.test_model_folds import versions_of
from tests.tools.test_refold import claim_refold_later, degrade, memory_of, said

CALLER = Caller(OWNER, frozenset({OWN_WORD}))
OFFER = Message(role="assistant", content="Sorry, 6 pm is full. How about 7:30 pm?")


@pytest.mark.parametrize("folds", [1, 2])
async def test_what_gives_way_to_an_offer_is_named_and_can_be_restored(box: Toolbox, db: Database, folds: int) -> None:
    """Fails with two folds without read_question in _make_draft: the yes would answer nothing."""
    assert isinstance(box.summarizer, Extractive)
    await update_memory(box, CALLER, "a", [Message(role="user", content="I need a table at 6 pm."), OFFER])
    if folds > 1:
        await summarize(box, CALLER, "a")
    await update_memory(box, CALLER, "a", [Message(role="user", content="Yes, that works.")])
    await summarize(box, CALLER, "a")
    memory = await read_memory(box, CALLER, "a", 3000, "plain")
    assert (memory.user_confirmed, memory.llm_inferred) == ({}, {"table time": "7:30 pm"})
    if folds > 1:
        newest = (await list_versions(box, CALLER, "a", 3000)).versions[0].changes
        assert next((line.what, line.key, line.value) for line in newest) == ("superseded", "table time", "7:30 pm")
        await revise_memory(box, CALLER, "a", restore=1)
        restored = await read_memory(box, CALLER, "a", 3000, "plain")
        assert restored.user_confirmed == {"table time": "6 pm"}
    async with db.session() as session:
        versions = await memory_versions.read_versions(session, key_of("a"))
    assert replay(each.delta for each in versions) == [facts_of(each.memory) for each in versions]


async def test_the_model_that_looks_again_sees_what_a_yes_answers(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Fails without read_question in refold._read."""
    await said(asked, db, "a", "My dinner time is 6 pm.")
    await update_memory(asked, CALLER, "a", [OFFER])
    await fold(asked, await claim_one(db, "a"))
    await degrade(asked, db, provider, "a", "Yes, that works.")
    assert [fact.value for fact in (await memory_of(db, "a")).memory.llm_inferred][-1:] == ["7:30 pm"]
    await refold(asked, await claim_refold_later(db, "a"))
    assert f"{OFFER.content}</turn>\n</before>" in provider.asked[-1].body["messages"][0]["content"]
    assert len(await versions_of(db, "a")) > 3
