"""Bounds: no turn, fold or delta holds the server up, because each is read once or in part."""

import unicodedata
from collections.abc import Sequence

import anyio
import pytest

from chat_memory.models import Memory, ProposedFact, Turn
from chat_memory.prompts.assumptions import TURN_GUESSES
from chat_memory.prompts.clauses import read
from chat_memory.prompts.extractive import Extractive
from chat_memory.prompts.gate import MAX_PROPOSALS, Admitted, admit
from chat_memory.prompts.quotes import prove
from chat_memory.prompts.summaries import COMPACT_SHARE
from chat_memory.prompts.summarizer import FoldRequest
from chat_memory.prompts.testimony import FOLD_CHARS, FOLD_FACTS, TURN_CHARS, TURN_FACTS, TURN_TRIES
from chat_memory.prompts.tokens import CAP_SHARE, count_tokens
from chat_memory.prompts.words import unify
from tests.growth import LINEAR, growth
from tests.prompts.said import fold, known, propose, turn, values


async def proposals_of(turns: Sequence[Turn], memory: Memory | None = None) -> tuple[ProposedFact, ...]:
    """What the extractive summarizer proposes for a fold."""
    return (await Extractive().fold(FoldRequest(memory or Memory(), 0, turns, 2000))).delta.facts


def remember(turns: Sequence[Turn]) -> Admitted:
    """One fold through the gate."""
    proposal = anyio.run(Extractive().fold, FoldRequest(Memory(), 0, turns, 2000))
    cited = {fact.source_seq for fact in proposal.delta.facts}
    said = {each.seq: each for each in turns if each.seq in cited}
    return admit(Memory(), proposal.delta, said, version=1, memory_tokens=2000)


def cover_everything(length: int) -> None:
    """Look two words up at each place of a turn of clauses."""
    reading = read(repeated("a b, ", length))
    for start in reading.openings:
        reading.covered(start, start + 2)


def evict(count: int) -> Admitted:
    """A fold over so many assumptions, most of which do not fit."""
    facts = tuple(known(f"some key {place}", f"some value {place}", basis="inferred") for place in range(count))
    return fold([], [turn(1, "Hello.")], memory=Memory(llm_inferred=facts))


def repeated(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


@pytest.mark.parametrize("unit", ["not, ", "if a, ", "a, he said, ", "a,wrong,", "right, ", "I live in Rome, and "])
def test_a_turn_of_marks_is_read_once(unit: str) -> None:
    """Marking from the first clause again (`sentence[:index]` in _mark_scope) makes this fail."""
    assert growth(lambda size: read(repeated(unit, size)), 10_000) < LINEAR


@pytest.mark.parametrize("unit", ["\u0f73", "\u0f73\u0301"])
def test_a_turn_of_joined_marks_is_read_in_pieces(unit: str) -> None:
    """Normalizing in one piece makes this fail."""
    assert growth(lambda size: remember([turn(1, "I live in Rome. " + repeated(unit, size))]), 3000) < LINEAR


def test_text_in_pieces_has_the_form_it_has_whole() -> None:
    """A _PIECE that ends anywhere makes this fail."""
    text = "Xin cha\u0300o, vie\u0302\u0323t \ufb01ne. " * 400
    assert unify(text) == unicodedata.normalize("NFKC", text)


async def test_only_the_beginning_of_a_long_turn_is_searched() -> None:
    """Reading the whole content in _read_turn makes this fail."""
    middle = repeated("nothing to see ", TURN_CHARS - 60)
    for beyond, keys in (("", ["home", "dog name"]), (" at all" * 20, ["home"])):
        said = turn(1, f"I live in Rome. {middle}{beyond}. My dog is Rex.")
        assert len(await proposals_of([said])) == len(keys)


async def test_a_turn_gives_a_few_facts() -> None:
    """Removing TURN_FACTS makes this fail."""
    told = " ".join(
        f"My {animal} is Rex." for animal in ("dog", "cat", "fox", "pig", "cow", "hen", "ram", "owl", "bat")
    )
    assert len(await proposals_of([turn(1, told)])) == TURN_FACTS


async def test_a_few_statements_of_a_turn_are_put_to_the_proof() -> None:
    """Removing TURN_TRIES makes this fail."""
    for times, found in ((TURN_TRIES // 2, 1), (TURN_TRIES, 0)):
        assert len(await proposals_of([turn(1, "If so $5. " * times + "I live in Rome.")])) == found


def test_a_quote_is_tried_at_a_few_places() -> None:
    """Removing _TRIES from _statements makes this fail."""
    for times, proven in ((8, True), (80, False)):
        reading = read("If I live in Rome, fine. " * times + "I live in Rome.")
        assert (prove("home", "Rome", "I live in Rome", reading).reason == "") == proven


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


def test_the_clauses_of_a_quote_are_looked_up() -> None:
    """Searching clause by clause in Reading.covered makes this fail."""
    assert growth(cover_everything, 4000) < LINEAR


def test_what_leaves_a_memory_is_counted_once() -> None:
    """Recounting all facts for each eviction in choose_leaving makes this fail."""
    assert growth(lambda size: len(evict(size).change.evicted), 800) < LINEAR
    assert len(evict(3000).change.evicted) > 2500


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
