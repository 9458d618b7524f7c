"""The demo's comparison: given what really was written and read, with one thing wrong."""

from collections.abc import Sequence

import pytest

from chat_memory.cli.console import open_console
from chat_memory.cli.demo.comparison import Kept, compare, list_misled, list_unproven
from chat_memory.cli.demo.conversation import read_bundled
from chat_memory.cli.demo.report import print_report
from chat_memory.cli.demo.scratch import scratch_folder
from chat_memory.cli.demo.screen import Screen
from chat_memory.cli.demo.story import Story, Verdict
from chat_memory.errors import BrokenPromiseError
from chat_memory.models import Caller, Message
from chat_memory.replies import MemoryReply, TurnReply
from chat_memory.tools.get_history import get_history
from chat_memory.tools.get_memory import read_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

CALLS = (
    (Message(role="user", content="My budget is £2,400. 🎂"), Message(role="assistant", content='{"a": null}')),
    (Message(role="user", content="كل عام وأنتِ بخير"),),
)


class Written:
    """What a writer kept, and what there is to read."""

    def __init__(self, kept: Sequence[Kept], history: Sequence[TurnReply], memory: MemoryReply) -> None:
        self.kept = kept
        self.history = list(history)
        self.memory = memory


@pytest.fixture
async def written(box: Toolbox, alice: Caller) -> Written:
    """A short chat, written and folded for real."""
    kept: list[Kept] = []
    for messages in CALLS:
        receipt = await update_memory(box, alice, "chat", list(messages))
        kept.append(Kept(receipt.first_seq, receipt.seq, messages))
    await summarize(box, alice, "chat")
    history = await get_history(box, alice, "chat")
    return Written(kept, history.turns, await read_memory(box, alice, "chat", detail="evidence"))


async def test_what_was_written_is_what_there_is(written: Written) -> None:
    assert compare(written.kept, written.history) == []


async def test_what_is_private_may_have_given_way_and_nothing_else(box: Toolbox, alice: Caller) -> None:
    """Without _is_redacted a file with a secret in it would be a broken promise."""
    secret = "gh" + "p_" + "a1B2c3D4e5" * 4
    messages = (Message(role="user", content=f"Use {secret} for the build, please."),)
    receipt = await update_memory(box, alice, "chat", list(messages))
    (turn,) = (await get_history(box, alice, "chat")).turns
    assert secret not in turn.content
    kept = [Kept(receipt.first_seq, receipt.seq, messages)]
    assert compare(kept, [turn]) == []
    changed = turn.model_copy(update={"content": turn.content.replace("build", "test")})
    assert compare(kept, [changed]) == ["turn 1 came back with another text"]


async def test_a_turn_missing_from_the_history_is_found(written: Written) -> None:
    """Fails without the `None` case of _compare_turn, and without _compare_numbers."""
    assert compare(written.kept, [*written.history[:1], *written.history[2:]]) == [
        "the history is not gap-free: turn 3 stands where 2 belongs",
        "turn 2 was acknowledged and is not in the history",
    ]
    assert compare(written.kept, written.history[:-1]) == ["turn 3 was acknowledged and is not in the history"]


async def test_a_turn_twice_or_unasked_is_found(written: Written) -> None:
    """Fails without _compare_numbers, and without the last line of _compare_contents."""
    assert compare(written.kept, [*written.history, written.history[-1]]) != []
    assert compare(written.kept[:1], written.history) == ["turn 3 is in the history, but nobody wrote it"]
    assert "turn 1 was promised twice" in compare([*written.kept, written.kept[0]], written.history)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"content": "My budget is £2,400. \ufe0f🎂"}, "turn 1 came back with another text"),
        ({"role": "assistant"}, "turn 1 was written by user and came back as assistant's"),
    ],
)
async def test_another_text_or_role_is_found(written: Written, change: dict[str, str], said: str) -> None:
    """Fails without either comparison of _compare_turn."""
    assert compare(written.kept, [written.history[0].model_copy(update=change), *written.history[1:]]) == [said]


async def test_a_receipt_for_more_turns_than_were_sent_is_found(written: Written) -> None:
    """Fails without the first check of _compare_contents."""
    long = Kept(1, 3, CALLS[0])
    assert "a receipt names turns 1 to 3 for 2 messages" in compare([long, written.kept[1]], written.history)


async def test_words_that_must_not_be_confirmed_are_found_in_any_part_of_a_fact(written: Written) -> None:
    """Fails without the value, or without the quote, in list_misled."""
    assert list_misled(written.memory, "the guess", "Adelphi") == []
    assert list_misled(written.memory, "the guess", "£2,400") == ["the guess is confirmed: budget = £2,400"]
    assert list_misled(written.memory, "the guess", "MY BUDGET IS") == ["the guess is confirmed: budget = £2,400"]


async def test_a_fact_without_the_user_s_own_words_is_found(written: Written) -> None:
    """Fails without the role, or without the quote, in list_unproven."""
    first = written.history[0]
    said = "budget = £2,400 is confirmed, but turn 1 is not the user's word for it"
    assert list_unproven(written.memory, written.history) == []
    assert list_unproven(written.memory, [first.model_copy(update={"role": "tool"})]) == [said]
    assert list_unproven(written.memory, [first.model_copy(update={"content": "My budget is £5."})]) == [said]


async def test_a_difference_ends_the_demo_with_an_error(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    """Fails without the `raise` in print_report: main turns it into exit code 1."""
    console = open_console()
    with scratch_folder(keep=False) as scratch:
        story = Story(read_bundled(), scratch, Screen(console), memory=written.memory)
    story.verdicts.append(Verdict("every turn is there", compare(written.kept, written.history[:-1])))
    with pytest.raises(BrokenPromiseError, match="found one difference"):
        print_report(console, story)
    assert "✗ every turn is there\n  turn 3 was acknowledged and is not in the history" in capsys.readouterr().out
