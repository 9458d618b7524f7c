"""Folding on request: everything pending, in one call or in the one already in flight."""

from dataclasses import replace

import anyio
import pytest

from chat_memory.errors import FoldError, UnknownChatError
from chat_memory.models import Caller, Message
from chat_memory.replies import MemoryReply
from chat_memory.tools.get_memory import read_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory
from chat_memory.worker import Worker
from tests.chats import claim_one
from tests.summarizers import Broken, Slow


async def say(box: Toolbox, caller: Caller, *contents: str) -> None:
    await update_memory(box, caller, "a", [Message(role="user", content=content) for content in contents])


async def test_summarize_folds_everything_pending_now(box: Toolbox, alice: Caller) -> None:
    """No worker runs."""
    await say(box, alice, "My name is Ada.", "I live in Lyon.")
    reply = await summarize(box, alice, "a")
    assert (reply.folded, reply.pending, reply.covers_seq, reply.version) == (2, 0, 2, 1)
    assert "Ada" in reply.user_confirmed.values()


async def test_summarize_goes_on_until_everything_is_folded(box: Toolbox, alice: Caller) -> None:
    """Without the loop in summarize it would return after as much as one fold takes."""
    small = replace(box, settings=box.settings.model_copy(update={"fold_bytes": 262_144}))
    await say(box, alice, *("A long turn. " * 16_000 for _ in range(3)))
    reply = await summarize(small, alice, "a")
    assert (reply.folded, reply.pending, reply.version) == (3, 0, 3)


async def test_summarize_with_nothing_pending_folds_nothing(box: Toolbox, alice: Caller) -> None:
    await say(box, alice, "My name is Ada.")
    await summarize(box, alice, "a")
    reply = await summarize(box, alice, "a")
    assert (reply.folded, reply.version) == (0, 1)


async def test_an_unknown_chat_cannot_be_folded(box: Toolbox, alice: Caller) -> None:
    with pytest.raises(UnknownChatError, match="write to it with update_memory first"):
        await summarize(box, alice, "nobody")


async def test_callers_at_once_share_one_fold(box: Toolbox, alice: Caller) -> None:
    """Joining: without the claim's fence each caller would ask the model for the same turns."""
    slow = Slow()
    sharing = replace(box, summarizer=slow)
    await say(box, alice, "one", "two")
    replies: list[MemoryReply] = []

    async def ask() -> None:
        replies.append(await summarize(sharing, alice, "a"))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
        await slow.started.wait()
        slow.may_answer.set()
    assert slow.asked == 1
    assert {reply.covers_seq for reply in replies} == {2}
    assert max(reply.folded or 0 for reply in replies) == 2


async def test_a_wait_that_is_over_returns_what_there_is(box: Toolbox, alice: Caller) -> None:
    """The chat is handed back, and pending turns are still shown."""
    await say(box, alice, "one")
    reply = await summarize(replace(box, summarizer=Slow()), alice, "a", wait_seconds=0.05)
    assert (reply.folded, reply.pending) == (0, 1)
    assert (await claim_one(box.db, "a")).attempts == 0


async def test_a_fold_that_fails_is_told_and_loses_nothing(box: Toolbox, alice: Caller) -> None:
    await say(box, alice, "one")
    with pytest.raises(FoldError):
        await summarize(replace(box, summarizer=Broken()), alice, "a")
    assert [turn.content for turn in (await read_memory(box, alice, "a")).pending_turns] == ["one"]


async def test_a_chat_that_waits_for_help_is_helped(box: Toolbox, alice: Caller) -> None:
    await say(box, alice, "one")
    failing = replace(box, summarizer=Broken(), settings=box.settings.model_copy(update={"max_attempts": 1}))
    with pytest.raises(FoldError):
        await summarize(failing, alice, "a")
    assert (await summarize(box, alice, "a")).covers_seq == 1


async def test_summarize_beside_a_worker_ends_with_everything_folded(box: Toolbox, alice: Caller) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(box).run)
        for number in range(20):
            await say(box, alice, f"turn {number}")
            assert (await summarize(box, alice, "a")).covers_seq == number + 1
        group.cancel_scope.cancel()


async def test_calls_that_fold_wait_for_one_another(box: Toolbox, alice: Caller) -> None:
    """Without box.calls in summarize a hundred waiting calls would be a hundred questions to a model at once."""
    slow = Slow()
    narrow = replace(box, summarizer=slow, calls=anyio.CapacityLimiter(1))
    for chat_id in ("a", "b"):
        await update_memory(box, alice, chat_id, [Message(role="user", content="Hello.")])
    async with anyio.create_task_group() as group:
        for chat_id in ("a", "b"):
            group.start_soon(summarize, narrow, alice, chat_id)
        await slow.started.wait()
        await anyio.wait_all_tasks_blocked()
        assert slow.asked == 1
        slow.may_answer.set()
    assert slow.asked == 2
