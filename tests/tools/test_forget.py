"""Forgetting, as a caller sees it. `tests/storage/test_lives.py` counts what is left in the tables: nothing."""

from chat_memory.models import Caller, Message
from chat_memory.replies import MemoryReply
from chat_memory.tools.forget import forget
from chat_memory.tools.get_history import get_history
from chat_memory.tools.get_memory import list_chats, read_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

SAID = [Message(role="user", content="My name is Ada.")]


async def test_a_forgotten_chat_is_an_unknown_chat(box: Toolbox, alice: Caller) -> None:
    await update_memory(box, alice, "a", SAID)
    await summarize(box, alice, "a")
    reply = await forget(box, alice, "a")
    assert (reply.deleted["turns"], reply.deleted["memory"], reply.deleted["versions"]) == (1, 1, 1)
    assert await read_memory(box, alice, "a") == MemoryReply(chat_id="a")
    assert (await get_history(box, alice, "a")).turns == ()
    assert (await list_chats(box, alice)).chats == ()


async def test_forgetting_twice_is_no_error(box: Toolbox, alice: Caller) -> None:
    assert set((await forget(box, alice, "nobody")).deleted.values()) == {0}


async def test_nobody_forgets_anothers_chat(box: Toolbox, alice: Caller, bob: Caller) -> None:
    await update_memory(box, alice, "a", SAID)
    await forget(box, bob, "a")
    assert (await get_history(box, alice, "a")).turns[0].content == "My name is Ada."


async def test_an_idempotency_key_dies_with_its_chat(box: Toolbox, alice: Caller) -> None:
    """A new life is not answered with the receipts of the old."""
    await update_memory(box, alice, "a", SAID, idempotency_key="k")
    await forget(box, alice, "a")
    await update_memory(box, alice, "a", [Message(role="user", content="Another body.")], idempotency_key="k")
    assert [turn.content for turn in (await get_history(box, alice, "a")).turns] == ["Another body."]
