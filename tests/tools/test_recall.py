"""Recall: what answers a query comes beside the memory, and nothing that is not in the chat."""

from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest

from chat_memory.errors import ForbiddenCharacterError, OwnerMismatchError, TooLargeError
from chat_memory.models import QUERY_BYTES, Caller, ChatKey, Message, Role, chat_key
from chat_memory.prompts.pacing import THREADS
from chat_memory.replies import MemoryReply, Recalled
from chat_memory.storage import snapshots
from chat_memory.storage.snapshots import CutTurn
from chat_memory.tools.fence import count_reply
from chat_memory.tools.get_memory import get_memory, read_memory
from chat_memory.tools.recall import LEAST_TOKENS, Recollection, count_recalled, drop_repeated
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

FILLING = [f"On day {number} we spoke of clouds, bread and the number {number * 17}." for number in range(1, 120)]
ANSWER = "The ferry to Larsholm leaves from the north pier at 06:40."


def turn(seq: int, content: str, role: Role = "user", *, attested: bool = True) -> CutTurn:
    return CutTurn(seq, role, attested=attested and role == "user", content=content, characters=len(content))


def recall(query: str, turns: Sequence[CutTurn], room: int = 500) -> tuple[Recalled, ...]:
    """Recall with nothing shown elsewhere."""
    found = Recollection.of(query, turns)
    assert found is not None
    return found.pack(room, {})


async def say(box: Toolbox, caller: Caller, chat_id: str, *contents: str) -> None:
    for start in range(0, len(contents), 100):
        said = [Message(role="user", content=content) for content in contents[start : start + 100]]
        await update_memory(box, caller, chat_id, said)


async def ask(box: Toolbox, caller: Caller, chat_id: str, query: str, max_tokens: int = 600) -> MemoryReply:
    reply = await get_memory(box, caller, chat_id, query, max_tokens)
    assert isinstance(reply, MemoryReply)
    return reply


# Packing


def test_what_answers_comes_in_order_and_in_few_words() -> None:
    found = recall(
        "ferry pier", [turn(1, "My ferry is the red one."), turn(2, "Hello."), turn(3, "Which pier for the ferry?")]
    )
    assert [(one.seq, one.text, one.cut_from) for one in found] == [
        (1, "My ferry is red one.", None),
        (2, "Hello.", None),
        (3, "Which pier for ferry?", None),
    ]


def test_the_best_come_first_where_room_is_short() -> None:
    """Fails when turns are taken in another order than the ranking's."""
    turns = [turn(seq, f"the boat of number {seq} " + "with many other words " * 3) for seq in range(1, 30)]
    turns.append(turn(30, "the boat to the harbour"))
    assert [one.seq for one in recall("boat harbour", turns, LEAST_TOKENS + 8)] == [30]


@pytest.mark.parametrize("room", [0, 30, 60, 200, 1000])
def test_what_is_packed_fits_its_room(room: int) -> None:
    """Fails when the label of a turn is not counted."""
    turns = [turn(seq, f"boat {seq} " * (seq % 40 + 1)) for seq in range(1, 200)]
    assert sum(map(count_recalled, recall("boat", turns, room))) <= room


def test_of_a_long_turn_the_sentences_that_answer_are_shown() -> None:
    """Fails when the beginning is shown in place of them."""
    long = " ".join([*FILLING[:60], ANSWER, *FILLING[60:]])
    (one,) = recall("When does the ferry leave?", [turn(7, long)], 200)
    assert "ferry to Larsholm leaves from north pier at 06:40." in one.text
    assert one.cut_from == len(long)


def test_a_sentence_longer_than_the_room_is_cut() -> None:
    (one,) = recall("ferry", [turn(1, "ferry " + "word " * 400)], 80)
    assert one.text.startswith("ferry word")
    assert one.text.endswith("…")


def test_code_is_left_out_and_said_so() -> None:
    said = "My ferry script:\n```\nprint('ferry')\n```"
    (one,) = recall("ferry", [turn(1, said)])
    assert (one.text, one.cut_from) == ("My ferry script:", len(said))
    (bare,) = recall("ferry", [turn(1, "```\nprint('ferry')\n```")])
    assert "print('ferry')" in bare.text


def test_a_user_turn_nobody_vouches_for_says_so() -> None:
    """Fails when `attested` is left out: what was planted in a snippet would read like the user's word."""
    vouched, planted = recall("ferry", [turn(1, "ferry one"), turn(2, "ferry two", attested=False)])
    assert (vouched.attested, planted.attested) == (None, False)


def test_what_is_shown_elsewhere_is_not_taken_again() -> None:
    """Fails when pack does not heed what pending_turns shows."""
    found = Recollection.of(
        "ferry", [turn(1, "ferry one"), turn(2, "The start. And then a ferry."), turn(3, "ferry three")]
    )
    assert found is not None
    packed = found.pack(500, {1: len("ferry one"), 2: len("The start.")})
    assert [(one.seq, one.text) for one in packed] == [(2, "And then ferry."), (3, "ferry three")]


def test_nothing_is_recalled_where_nothing_of_the_query_was_said() -> None:
    assert Recollection.of("submarine", [turn(1, "a boat")]) is None
    assert Recollection.of("what is it?", [turn(1, "what is it?")]) is None
    assert Recollection.of("boat", []) is None


def test_lines_of_the_summary_that_recall_shows_are_not_shown_twice() -> None:
    summary = "[1] user: My boat is red.\n[2] user: My boat is red.\nProse of a model."
    shown = [Recalled(seq=1, role="user", text="Hello. My boat is red.")]
    assert drop_repeated(summary, shown) == "[2] user: My boat is red.\nProse of a model."


# Reading


async def test_a_query_finds_what_was_said_long_ago(box: Toolbox, alice: Caller) -> None:
    await say(box, alice, "a", *FILLING[:30], ANSWER, *FILLING[30:])
    await summarize(box, alice, "a")
    reply = await ask(box, alice, "a", "When does the ferry leave?")
    assert reply.recall is not None
    assert any(one.seq == 31 and "Larsholm" in one.text and "06:40" in one.text for one in reply.recall)
    assert [one.seq for one in reply.recall] == sorted({one.seq for one in reply.recall})
    assert reply.pending == 0
    assert reply.general_summary


async def test_a_turn_acknowledged_just_before_is_found(box: Toolbox, alice: Caller) -> None:
    """Fails when only folded turns are searched: what no worker has seen is part of the chat."""
    await say(box, alice, "a", ANSWER, *FILLING)
    reply = await ask(box, alice, "a", "ferry to Larsholm")
    assert reply.pending == len(FILLING) + 1
    assert reply.recall is not None
    assert "Larsholm" in reply.recall[0].text
    await say(box, alice, "a", "No: the ferry leaves at 07:15.", *FILLING[:40])
    again = await ask(box, alice, "a", "ferry")
    assert any("07:15" in one.text for one in again.recall or ())


async def test_no_turn_is_shown_twice(box: Toolbox, alice: Caller) -> None:
    """Fails when recall does not know what pending_turns shows."""
    await say(box, alice, "a", *FILLING, "the ferry of today", "and the other ferry")
    reply = await ask(box, alice, "a", "ferry clouds", 1_200)
    assert reply.recall
    assert not {one.seq for one in reply.recall} & {one.seq for one in reply.pending_turns if one.cut_from is None}


@pytest.mark.parametrize("query", ["", "   ", "what is it?", "submarine"])
async def test_a_query_that_finds_nothing_changes_nothing(box: Toolbox, alice: Caller, query: str) -> None:
    await say(box, alice, "a", *FILLING)
    await summarize(box, alice, "a")
    plain = await read_memory(box, alice, "a", 600)
    assert await ask(box, alice, "a", query) == plain
    assert plain.recall is None


@pytest.mark.parametrize("max_tokens", [256, 300, 512, 1_000, 4_000])
async def test_a_reply_with_recall_fits_its_cap(box: Toolbox, alice: Caller, max_tokens: int) -> None:
    """Fails when recall is added to a reply that is full already."""
    await say(box, alice, "a", *FILLING, "<b>" * 200 + " ferry", ANSWER)
    await summarize(box, alice, "a")
    await say(box, alice, "a", *FILLING[:50])
    reply = await ask(box, alice, "a", "ferry clouds and bread", max_tokens)
    assert count_reply(reply) <= max_tokens


async def test_the_same_question_gets_the_same_bytes(box: Toolbox, alice: Caller) -> None:
    await say(box, alice, "a", *FILLING, ANSWER)
    await summarize(box, alice, "a")
    first, second = [await ask(box, alice, "a", "ferry and bread") for _ in range(2)]
    assert first.model_dump_json() == second.model_dump_json()


async def test_nobody_recalls_anothers_chat(box: Toolbox, alice: Caller, bob: Caller) -> None:
    await say(box, alice, "shared name", ANSWER)
    await say(box, bob, "shared name", "a ferry of bob's")
    reply = await ask(box, bob, "shared name", "ferry Larsholm")
    assert "Larsholm" not in reply.model_dump_json()
    async with box.db.session() as session:
        await session.connection.execute("update chat_memory.conversations set owner = 'mallory'")
    with pytest.raises(OwnerMismatchError):
        await ask(box, bob, "shared name", "ferry")


async def test_a_query_is_bounded_and_data(box: Toolbox, alice: Caller) -> None:
    """Fails without check_query."""
    await say(box, alice, "a", "hello")
    with pytest.raises(TooLargeError, match="query"):
        await ask(box, alice, "a", "é" * QUERY_BYTES)
    with pytest.raises(ForbiddenCharacterError, match="query"):
        await ask(box, alice, "a", "boat\ud800")
    for harmless in ("'; drop table turns; --", "%", "\\", "(", "[a-", "<script>", "*" * 100):
        assert (await ask(box, alice, "a", harmless)).recall is None


async def test_of_a_longer_chat_the_newest_turns_are_searched(
    box: Toolbox, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without the bounds in read_snapshots, or when they count from the beginning."""
    await say(box, alice, "a", "first ferry", *("x" * 100 for _ in range(50)), "last ferry", "and so on")
    monkeypatch.setattr(snapshots, "RECALL_BYTES", 2_000)
    reply = await ask(box, alice, "a", "ferry", 4_000)
    assert reply.recall == () or "first ferry" not in str(reply.recall)
    snapshot = await box.snapshots.read(snapshots.Look(_key(alice), 1_000, recalls=True))
    assert snapshot is not None
    ledger = snapshot.read_ledger()
    assert (ledger[-1].seq, len(ledger)) == (53, 21)
    monkeypatch.setattr(snapshots, "RECALL_TURNS", 5)
    snapshot = await box.snapshots.read(snapshots.Look(_key(alice), 1_000, recalls=True))
    assert snapshot is not None
    assert [turn.seq for turn in snapshot.read_ledger()] == [49, 50, 51, 52, 53]


async def test_of_a_very_long_turn_the_beginning_is_searched(box: Toolbox, alice: Caller) -> None:
    await say(box, alice, "a", "ferry " + "word " * 40_000 + "submarine", *FILLING)
    await summarize(box, alice, "a")
    found = await ask(box, alice, "a", "ferry")
    assert found.recall is not None
    assert found.recall[0].cut_from == 6 + 5 * 40_000 + 9
    assert (await ask(box, alice, "a", "submarine")).recall is None


async def test_searching_a_big_chat_holds_nobody_up(box: Toolbox, alice: Caller) -> None:
    """Fails when the search runs on the event loop: it would not wait for the one thread there is."""
    await say(box, alice, "a", *("bread and ferry " * 60 for _ in range(60)))
    replies: list[MemoryReply] = []

    async def read() -> None:
        replies.append(await ask(box, alice, "a", "ferry"))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group, THREADS:
            group.start_soon(read)
            while not THREADS.statistics().tasks_waiting:
                await anyio.lowlevel.checkpoint()
            assert not replies
    assert replies[0].recall


async def test_without_a_query_nothing_is_searched(box: Toolbox, alice: Caller) -> None:
    """Fails when the ledger is read for whoever did not ask: a read would cost what the chat is long."""
    await say(box, alice, "a", *FILLING)
    snapshot = await box.snapshots.read(snapshots.Look(_key(alice), 1_000))
    assert snapshot is not None
    assert snapshot.ledger == ""


def _key(caller: Caller) -> ChatKey:
    return chat_key(caller.owner, "a")
