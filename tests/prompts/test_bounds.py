"""Bounds: no turn, fold or delta holds the server up; limits are many times what a calm machine needs."""

import time
import unicodedata
from collections.abc import Sequence

import pytest

from chat_memory.models import TURN_BYTES, Memory, ProposedFact, Role, Turn
from chat_memory.prompts.assumptions import TURN_GUESSES
from chat_memory.prompts.extractive import Extractive
from chat_memory.prompts.gate import MAX_PROPOSALS, Admitted, admit
from chat_memory.prompts.summaries import COMPACT_SHARE
from chat_memory.prompts.summarizer import FoldRequest
from chat_memory.prompts.testimony import FOLD_CHARS, FOLD_FACTS, TURN_CHARS
from chat_memory.prompts.tokens import CAP_SHARE, count_tokens
from chat_memory.prompts.words import unify
from tests.prompts.said import fold, known, propose, turn, values

CALM = 3.0
"""Seconds of CPU: what is bounded takes a sixth of it, what is not takes minutes."""


async def proposals_of(turns: Sequence[Turn], memory: Memory | None = None) -> tuple[ProposedFact, ...]:
    """What the extractive summarizer proposes for a fold."""
    return (await Extractive().fold(FoldRequest(memory or Memory(), 0, turns, 2000))).delta.facts


async def remember(turns: Sequence[Turn]) -> Admitted:
    """One fold through the gate, within the bound on CPU."""
    before = time.process_time()
    proposal = await Extractive().fold(FoldRequest(Memory(), 0, turns, 2000))
    cited = {fact.source_seq for fact in proposal.delta.facts}
    said = {each.seq: each for each in turns if each.seq in cited}
    admitted = admit(Memory(), proposal.delta, said, version=1, memory_tokens=2000)
    assert time.process_time() - before < CALM
    return admitted


def repeated(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


@pytest.mark.parametrize("unit", ["not, ", "if a, ", "a, he said, ", "a,wrong,", "right, ", "I live in Rome, and "])
async def test_a_turn_of_marks_is_read_once(unit: str) -> None:
    """Marking from the first clause again (`sentence[:index]` in _mark_scope) makes this fail."""
    await remember([turn(1, "I live in Rome. " + repeated(unit, 260_000))])


@pytest.mark.parametrize("unit", ["\u0f73", "\u0f73\u0301"])
async def test_a_turn_of_joined_marks_is_read_in_pieces(unit: str) -> None:
    """Normalizing in one piece makes this fail."""
    await remember([turn(1, "I live in Rome. " + unit * (TURN_BYTES // len(unit.encode()) - 8))])


def test_text_in_pieces_has_the_form_it_has_whole() -> None:
    """A _PIECE that ends anywhere makes this fail."""
    text = "Xin cha\u0300o, vie\u0302\u0323t \ufb01ne. " * 400
    assert unify(text) == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize(
    ("contents", "role"),
    [
        ([f"I assume you like tea{place}. " * 10 for place in range(1000)], "assistant"),
        ([repeated("$5 ", TURN_CHARS)] * 18, "user"),
        ([f"My dog is Rex{place}. I live in Rome{place}. I prefer tea{place}." for place in range(4000)], "user"),
        ([repeated("not Rome but Paris. ", TURN_CHARS)] * 18, "user"),
    ],
)
async def test_a_long_fold_is_bounded(contents: Sequence[str], role: Role) -> None:
    """Lifting the bound of guesses, of searched text or of quotes makes this fail."""
    admitted = await remember([turn(seq, content, role) for seq, content in enumerate(contents, start=1)])
    assert len(admitted.change.refused) <= MAX_PROPOSALS


async def test_a_turn_of_guesses_gives_a_few() -> None:
    """Removing TURN_GUESSES makes this fail."""
    guesses = " ".join(f"I assume you like tea{place}." for place in range(20))
    assert len(await proposals_of([turn(1, guesses, "assistant")])) == TURN_GUESSES


async def test_the_newest_turns_of_a_long_fold_are_searched() -> None:
    """Reading the oldest first in _within_budget makes this fail: a value would outlive its correction."""
    filler = repeated("nothing to see ", TURN_CHARS - 100)
    turns = [turn(seq, f"My dog is Rex{seq}. {filler}") for seq in range(1, 9)]
    assert {fact.source_seq for fact in await proposals_of(turns)} == set(range(9 - FOLD_CHARS // TURN_CHARS, 9))


async def test_the_newest_facts_of_a_fold_are_proposed() -> None:
    """Removing FOLD_FACTS makes this fail: the gate would judge the oldest proposals only."""
    facts = await proposals_of([turn(seq, f"I live in Rome{seq}.") for seq in range(1, 400)])
    assert len(facts) == FOLD_FACTS
    assert facts[-1].value == "Rome399"


def test_proposals_beyond_the_bound_are_named_in_one_line() -> None:
    """Removing MAX_PROPOSALS from admit makes this fail."""
    extra = [propose(f"k{place}", str(place), "", basis="inferred") for place in range(MAX_PROPOSALS + 700)]
    admitted = fold(extra, [turn(1, "Hello.")], memory_tokens=100_000)
    assert len(admitted.change.added) == MAX_PROPOSALS
    assert [(each.proposal, each.outcome) for each in admitted.change.refused] == [(extra[MAX_PROPOSALS], "dropped")]
    assert "700 were not read" in admitted.change.refused[0].reason


def test_the_gate_is_quick_over_many_facts_and_long_quotes() -> None:
    """Recounting all facts for each eviction, or searching clause by clause, makes this fail."""
    facts = tuple(known(f"some key {place}", f"some value {place}", basis="inferred") for place in range(3000))
    said = turn(1, repeated("a b, c d, ", 260_000))
    asked = [propose(f"k{place}", "a b", repeated("a b, c d, ", 900 - place)) for place in range(100)]
    before = time.process_time()
    admitted = fold(asked, [said], memory=Memory(llm_inferred=facts))
    assert time.process_time() - before < CALM
    assert len(admitted.change.evicted) > 2500


async def test_a_summary_longer_than_the_room_for_one_is_compacted() -> None:
    """Comparing with the room of a model's summary (rule 7) makes this fail, at every attempt and for ever."""
    names = ["Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel"]
    lines = [f"The plan x{n} has {names[n % 8]}x{n} and cost {n * 7 + 1000}." for n in range(200)]
    old = "\n".join(lines[: next(n for n in range(200) if count_tokens("\n".join(lines[:n])) > 1225)])
    assert 2000 * CAP_SHARE * COMPACT_SHARE < count_tokens(old) < 2000 * CAP_SHARE * 0.7
    memory = Memory(general_summary=old)
    turns = [
        turn(seq, f"I met {names[seq % 8]}Zed{seq} at Place{seq} about Project{seq * 3}.") for seq in range(1, 401)
    ]
    proposal = await Extractive().fold(FoldRequest(memory, 1, turns, 2000))
    admitted = admit(memory, proposal.delta, {}, version=2, memory_tokens=2000)
    assert admitted.memory.general_summary == proposal.delta.summary
    assert values(admitted.memory.user_confirmed) == {}
