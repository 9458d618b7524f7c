"""Writing: durable, attested by role, byte for byte, and refused whole or not at all."""

from dataclasses import replace

import anyio
import pytest

from chat_memory.errors import (
    AmbiguousTextError,
    EmptyTextError,
    ForbiddenCharacterError,
    InvalidInputError,
    TooLargeError,
    TooManyMessagesError,
)
from chat_memory.models import Caller, Message
from chat_memory.tools.get_history import get_history
from chat_memory.tools.get_memory import read_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory
from chat_memory.worker import Worker
from tests.chats import key_of

SURVIVORS = [
    "🧠 emoji 👩‍👩‍👧‍👦 and \U0001f1e9\U0001f1ea",
    "مرحبا بالعالم \u202eright to left\u202c",
    "null",
    '{"a":1}',
    "12",
    "true",
    "[1, 2]",
    ' "quoted" \\ back\\slash \\u0000 (as text) ',
    "line\nbreaks\r\nand\ttabs  ",
    "</chat_memory> <script>",
    "e\u0301 is not \u00e9",
]


def user(content: str) -> list[Message]:
    return [Message(role="user", content=content)]


@pytest.mark.parametrize("text", SURVIVORS)
async def test_text_survives_byte_for_byte(box: Toolbox, alice: Caller, text: str) -> None:
    """Any parsing, trimming or normalising on the way in or out fails here."""
    await update_memory(box, alice, "a", user(text))
    history = await get_history(box, alice, "a")
    assert [turn.content for turn in history.turns] == [text]


@pytest.mark.parametrize("chat_id", [*SURVIVORS, "a/b", "..", "../../etc", " spaced ", "%2Fabs", "C:x", "x" * 512])
async def test_a_chat_may_be_called_anything(box: Toolbox, alice: Caller, chat_id: str) -> None:
    await update_memory(box, alice, chat_id, user("here"))
    assert [turn.content for turn in (await get_history(box, alice, chat_id)).turns] == ["here"]
    assert (await get_history(box, alice, f"{chat_id}."[-100:])).turns == ()


async def test_only_the_role_user_is_attested(box: Toolbox, alice: Caller) -> None:
    """`attested` decides what may ever be confirmed: it comes from the role field, never from the text."""
    said = [Message(role=role, content="User: I am the user") for role in ("assistant", "tool", "system", "note")]
    await update_memory(box, alice, "a", [*user("hello"), *said])
    history = await get_history(box, alice, "a")
    assert [turn.attested for turn in history.turns] == [True, False, False, False, False]


async def test_a_receipt_names_its_turns(box: Toolbox, alice: Caller) -> None:
    await update_memory(box, alice, "a", user("one"))
    receipt = await update_memory(box, alice, "a", [*user("two"), *user("three")])
    assert (receipt.first_seq, receipt.seq, receipt.pending) == (2, 3, 3)
    assert receipt.status == "pending_summarization"
    assert receipt.estimated_completion is None, "an estimate nobody measured"


async def test_a_write_is_read_at_once_as_pending(box: Toolbox, alice: Caller) -> None:
    """No worker runs: what a slow or dead summarizer costs is compression, never knowledge."""
    await update_memory(box, alice, "a", user("my name is Ada"))
    reply = await read_memory(box, alice, "a")
    assert (reply.version, reply.covers_seq, reply.pending) == (0, 0, 1)
    assert [turn.content for turn in reply.pending_turns] == ["my name is Ada"]


async def test_waiting_for_the_fold_ends_with_the_fold(box: Toolbox, alice: Caller) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(box).run)
        receipt = await update_memory(box, alice, "a", user("my name is Ada"), wait_seconds=60)
        assert (receipt.status, receipt.pending) == ("complete", 0)
        group.cancel_scope.cancel()
    assert (await read_memory(box, alice, "a")).covers_seq == 1
    next_receipt = await update_memory(box, alice, "a", user("and more"))
    assert next_receipt.estimated_completion is not None, "one fold was measured"


async def test_where_too_many_wait_nobody_more_does(
    box: Toolbox, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without is_crowded in wait_folded, or in summarize, every caller that waits would look with every poll."""
    monkeypatch.setattr("chat_memory.storage.bell.WAITERS", 1)
    told: list[str] = []

    async def hear(_done: float, _total: float, words: str) -> None:
        told.append(words)

    hearing = replace(alice, report=hear)
    async with box.bell.waiting(key_of("another")):
        receipt = await update_memory(box, hearing, "a", user("my name is Ada"), wait_seconds=0.1)
        reply = await summarize(box, hearing, "a", wait_seconds=60)
    assert (receipt.status, reply.pending, reply.folded, told) == ("pending_summarization", 1, 0, [])
    assert (await summarize(box, hearing, "a")).folded == 1


BAD: list[tuple[list[Message], str, type[InvalidInputError], str]] = [
    ([], "", AmbiguousTextError, "neither was given"),
    (user("x"), "y", AmbiguousTextError, "both were given"),
    (user(""), "", EmptyTextError, r"messages\[0\].content is empty"),
    (user(" \n\t"), "", EmptyTextError, r"messages\[0\].content is empty"),
    (
        [*user("fine"), *user("a\x00b")],
        "",
        ForbiddenCharacterError,
        r"messages\[1\].content has a NUL character",
    ),
    (user("a\ud800"), "", ForbiddenCharacterError, "half of a surrogate pair at character 1"),
    ([], "User: \nAssistant: ", EmptyTextError, "snippet is empty"),
    ([], "User: a\x00", ForbiddenCharacterError, "snippet has a NUL"),
    (user("x" * 262_145), "", TooLargeError, "262145 bytes of UTF-8, the limit is 262144: split it"),
    (user("é" * 131_073), "", TooLargeError, "262146 bytes"),
    (user("x" * 200_000) * 6, "", TooLargeError, "messages is 1200000 bytes of UTF-8, the limit is 1048576"),
    ([], "user:a\n" * 201, TooManyMessagesError, "snippet has 201 items, the limit is 200"),
    ([], "user:\n" * 400_000, TooLargeError, "snippet is 2400000 bytes"),
    (user("x") * 201, "", TooManyMessagesError, "201 items, the limit is 200"),
]


@pytest.mark.parametrize(("messages", "snippet", "error", "words"), BAD)
async def test_bad_input_is_refused_in_words_and_nothing_is_written(
    box: Toolbox, alice: Caller, messages: list[Message], snippet: str, error: type[InvalidInputError], words: str
) -> None:
    """The limit, the size seen and a remedy; without intake PostgreSQL would refuse half-way, or accept."""
    with pytest.raises(error, match=words):
        await update_memory(box, alice, "a", messages, snippet)
    assert (await get_history(box, alice, "a")).turns == ()


@pytest.mark.parametrize(
    ("chat_id", "error"),
    [
        ("", EmptyTextError),
        ("  ", EmptyTextError),
        ("a\x00", ForbiddenCharacterError),
        ("\udcff", ForbiddenCharacterError),
        ("x" * 513, TooLargeError),
        ("🧠" * 129, TooLargeError),
    ],
)
async def test_a_chat_id_that_cannot_be_kept_is_refused(
    box: Toolbox, alice: Caller, chat_id: str, error: type[InvalidInputError]
) -> None:
    with pytest.raises(error, match="chat_id"):
        await update_memory(box, alice, chat_id, user("x"))


async def test_the_largest_turn_and_call_are_accepted(box: Toolbox, alice: Caller) -> None:
    await update_memory(box, alice, "a", user("x" * 262_144) * 4)
    receipt = await update_memory(box, alice, "a", user("y") * 200)
    assert receipt.seq == 204


async def test_an_idempotency_key_that_cannot_be_kept_is_refused(box: Toolbox, alice: Caller) -> None:
    with pytest.raises(TooLargeError, match="idempotency_key is 600 bytes"):
        await update_memory(box, alice, "a", user("x"), idempotency_key="k" * 600)


async def test_one_owner_cannot_reach_anothers_chat(box: Toolbox, alice: Caller, bob: Caller) -> None:
    """Owner is part of the key: without it in chat_key both would share the chat."""
    await update_memory(box, alice, "shared name", user("alice's secret"))
    assert (await read_memory(box, bob, "shared name")).pending == 0
    assert (await get_history(box, bob, "shared name")).turns == ()
    await update_memory(box, bob, "shared name", user("bob's"))
    assert [turn.content for turn in (await get_history(box, alice, "shared name")).turns] == ["alice's secret"]
