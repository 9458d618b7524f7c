"""The cap (rule 5): what has room, what gives way, and that nothing admitted leaves without a line."""

import pytest

from chat_memory.models import Fact, Memory, Origin, ProposedFact, Turn
from chat_memory.prompts.eviction import NO_ROOM
from chat_memory.prompts.extractive import Extractive
from chat_memory.prompts.gate import Admitted
from chat_memory.prompts.summaries import append_lines
from chat_memory.prompts.summarizer import FoldRequest
from chat_memory.prompts.tokens import CAP_SHARE, count_facts, count_memory, count_tokens, facts_room
from chat_memory.prompts.words import words
from tests.prompts.said import Said, dice, fold, known, propose, turn, values

CAP = 256
BUDGET = turn(9, "My budget is 500.")
ASKED = propose("budget", "500", "My budget is 500.", 9)


def stated(count: int, *, origin: Origin | None = None) -> tuple[Fact, ...]:
    """Facts of eight tokens each, the first confirmed longest ago."""
    facts = (known(f"key{place}", "four short words here", version=place) for place in range(1, count + 1))
    return tuple(fact.model_copy(update={"origin": origin}) for fact in facts)


FULL = stated(facts_room(CAP) // count_facts(stated(1)))


def test_a_fact_without_room_keeps_its_sentence_in_the_summary() -> None:
    """Removing facts_limit in Revision._make_room, or _spill, makes this fail."""
    admitted = fold([ASKED], [BUDGET], memory=Memory(user_confirmed=FULL, general_summary="A trip."), memory_tokens=CAP)
    assert admitted.memory.user_confirmed == FULL
    assert admitted.memory.general_summary == "A trip.\n[9] user: My budget is 500."
    assert [(each.reason, each.outcome) for each in admitted.change.refused] == [(NO_ROOM, "demoted")]
    assert admitted.change.evicted == ()


async def test_what_extraction_finds_in_a_full_memory_stays_visible_and_is_named() -> None:
    """Removing `and is_bare` in testimony makes this fail: nothing would say that a stated fact had no room."""
    memory = Memory(user_confirmed=FULL)
    said = [turn(9, "My favourite colour is teal.")]
    delta = (await Extractive().fold(FoldRequest(memory, 1, said, CAP))).delta
    admitted = fold(delta.facts, said, memory=memory, summary=delta.summary, memory_tokens=CAP)
    assert [each.reason for each in admitted.change.refused] == [NO_ROOM]
    assert admitted.memory.general_summary == "[9] user: My favourite colour is teal."


def test_a_sentence_the_summary_holds_already_is_not_told_twice() -> None:
    """Removing `not in summary` in append_lines makes this fail."""
    summary = "[9] user: My budget is 500."
    admitted = fold([ASKED], [BUDGET], memory=Memory(user_confirmed=FULL), summary=summary, memory_tokens=CAP)
    assert admitted.memory.general_summary == summary


def test_a_full_memory_still_takes_the_new_value_of_a_fact() -> None:
    """Removing self.limit in Revision._make_room makes this fail: the old value would stand."""
    value = ("more words than before " * 5).strip()
    admitted = fold(
        [propose("key1", value, f"key1 is {value}.", 9)],
        [turn(9, f"key1 is {value}.")],
        memory=Memory(user_confirmed=FULL),
        memory_tokens=CAP,
    )
    assert values(admitted.memory.user_confirmed)["key1"] == value
    assert facts_room(CAP) < count_memory(admitted.memory) <= CAP * CAP_SHARE
    assert admitted.change.evicted == ()


def test_an_old_value_goes_though_the_new_one_has_no_room() -> None:
    """Removing the loop in _spill makes this fail: what the user took back would stay confirmed."""
    full = stated(int(CAP * CAP_SHARE) // count_facts(stated(1)))
    long = "a very long value of far more words " * 6
    asked = propose("key1", long.strip(), f"key1 is {long}".strip(), 9)
    admitted = fold([asked], [turn(9, f"key1 is {long}")], memory=Memory(user_confirmed=full), memory_tokens=CAP)
    assert "key1" not in values(admitted.memory.user_confirmed)
    assert [(each.old.key, each.new) for each in admitted.change.replaced] == [("key1", None)]


def test_a_carried_fact_gives_way_to_one_of_this_chat_and_is_named() -> None:
    """Removing choose_leaving in Revision._make_room makes this fail."""
    carried = stated(len(FULL), origin=Origin(chat_id="before", seq=3))
    admitted = fold([ASKED], [BUDGET], memory=Memory(user_confirmed=carried), memory_tokens=CAP)
    assert values(admitted.memory.user_confirmed)["budget"] == "500"
    assert admitted.change.evicted == carried[: len(admitted.change.evicted)]
    assert 0 < len(admitted.change.evicted) < 3


def test_carried_facts_stay_where_letting_them_go_would_not_help() -> None:
    """Removing the return of False in Revision._make_room makes this fail: facts would go for nothing."""
    own = FULL[1:]
    (carried,) = stated(1, origin=Origin(chat_id="before", seq=3))
    long = "a very long value of far more words " * 6
    asked = propose("story", long.strip(), f"My story is {long}".strip(), 9)
    said = [turn(9, f"My story is {long}")]
    admitted = fold([asked], said, memory=Memory(user_confirmed=(carried, *own)), memory_tokens=CAP)
    assert admitted.memory.user_confirmed == (carried, *own)
    assert admitted.change.evicted == ()


def test_a_lowered_cap_lets_the_oldest_facts_go_and_names_them() -> None:
    """Removing the first _evict in close makes this fail: the memory would be larger than its cap for ever."""
    facts = stated(60)
    admitted = fold(memory=Memory(user_confirmed=facts), version=61, memory_tokens=CAP)
    assert count_memory(admitted.memory) <= CAP * CAP_SHARE
    assert admitted.change.evicted + admitted.memory.user_confirmed == facts


def test_of_sentences_without_room_the_newest_stay() -> None:
    """Removing the bound of half the room in append_lines makes this fail: sentences would push out the summary."""
    summary = "\n".join(f"Line {place} says something." for place in range(10))
    lines = [f"[{place}] user: sentence number {place}." for place in range(20)]
    text, left = append_lines(summary, lines, 80)
    kept = text.splitlines()
    assert count_tokens(text) <= 80
    assert kept[0] == "Line 0 says something."
    assert kept[-1] == lines[-1]
    assert sorted([*kept, *left]) == sorted([*summary.splitlines(), *lines])


def check_random_chat(seed: int) -> None:
    """A chat of forty folds under a small cap: long and short values, corrections, guesses, prose and lines."""
    chance = dice(seed)
    cap = chance.choice((256, 300, 500))
    said_words = ["red", "9,500", "Köln", "東京", "🧠", "o'clock", "A-7", "blue", "often", "Rome"]
    bases: tuple[Said, ...] = ("user_stated", "user_stated", "inferred")
    memory = Memory()
    for version in range(1, 41):
        said: list[Turn] = []
        proposals = list[ProposedFact]()
        for place in range(chance.randrange(5)):
            seq = version * 10 + place
            key, value = f"key {chance.randrange(60)}", " ".join(chance.choices(said_words, k=chance.randrange(1, 40)))
            said.append(turn(seq, f"My {key} is {value}."))
            proposals.append(propose(key, value, f"My {key} is {value}.", seq, basis=chance.choice(bases)))
        lines = [
            f"[{version}] user: {' '.join(chance.choices(said_words, k=8))}" for _ in range(chance.randrange(1, 12))
        ]
        summary = chance.choice((None, "\n".join(lines), " ".join(lines)))
        admitted = fold(proposals, said, memory=memory, summary=summary, version=version, memory_tokens=cap)
        check_nothing_lost(memory, admitted, proposals)
        memory = admitted.memory
        assert count_memory(memory) <= int(cap * CAP_SHARE)


def check_nothing_lost(before: Memory, admitted: Admitted, proposals: list[ProposedFact]) -> None:
    """Each fact of before stands or is named as gone; each stated one stands, or its sentence does or is named."""
    change, after = admitted.change, admitted.memory
    named = {fact.id for fact in change.evicted} | {each.old.id for each in change.replaced}
    standing = {fact.id for fact in (*after.user_confirmed, *after.llm_inferred)}
    assert {fact.id for fact in (*before.user_confirmed, *before.llm_inferred)} <= standing | named
    spoken = [(each.key, words(each.value)) for each in (*after.user_confirmed, *(old.old for old in change.replaced))]
    left = "\n".join([after.general_summary, *change.left_summary])
    for asked in proposals:
        if asked.basis == "user_stated" and (asked.key, words(asked.value)) not in spoken:
            refused = [each for each in change.refused if each.proposal.source_seq == asked.source_seq]
            assert refused, asked
            assert refused[0].reason != NO_ROOM or f"[{asked.source_seq}] user: My {asked.key}" in left


@pytest.mark.parametrize("seed", range(16))
def test_no_memory_passes_its_cap_and_no_admitted_fact_leaves_unnamed(seed: int) -> None:
    """Removing the last _evict in close, or either of its notes of what left, makes this fail."""
    check_random_chat(seed)
