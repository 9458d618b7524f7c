"""What a version did and what lies between two memories, as pure functions of both."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import pytest

from chat_memory.models import Change, Delta, Fact, Memory, ProposedFact, Provisional, Replaced, Turn
from chat_memory.prompts.replacement import admit_replacement
from chat_memory.replies import ChangeLine
from chat_memory.storage.memory_versions import Step
from chat_memory.tools.differences import compare, describe
from tests.prompts.said import dice, fold, known, propose, turn
from tests.replay import facts_of, replay


def fact(key: str, value: str, version: int = 1, basis: str = "user_stated") -> Fact:
    """A fact with an id of its own for each value."""
    named = {"id": f"f{version}.{key}.{value}", "basis": basis}
    return known(key, value, version=version).model_copy(update=named)


def guess(key: str, value: str, version: int = 1) -> Fact:
    return fact(key, value, version, basis="inferred")


def confirming(*facts: Fact, summary: str = "") -> Memory:
    return Memory(user_confirmed=facts, general_summary=summary)


def assuming(*facts: Fact) -> Memory:
    return Memory(llm_inferred=facts)


def replacing(version: int, old: Fact, new: Fact | None) -> Step:
    return Step(version, Change(replaced=(Replaced(old=old, new=new),)))


def told(lines: Sequence[ChangeLine]) -> list[dict[str, object]]:
    """Lines as a caller reads them."""
    return [line.model_dump(exclude_none=True) for line in lines]


def test_the_same_memory_has_no_difference() -> None:
    memory = Memory(user_confirmed=(fact("city", "Rome"),), general_summary="a line")
    assert compare(memory, memory, []) == []


def test_a_fact_said_again_is_no_difference() -> None:
    city = fact("city", "Rome")
    renewed = city.model_copy(update={"last_version": 2})
    assert compare(confirming(city), confirming(renewed), [Step(2, Change(confirmed=(renewed,)))]) == []


def test_a_value_that_changed_several_times_is_one_change() -> None:
    """Without the loop of _Way.follow the old value would be removed and the new one added, as if they were two."""
    first, second, third = fact("budget", "1"), fact("budget", "2", 2), fact("budget", "3", 3)
    steps = [replacing(2, first, second), replacing(3, second, third)]
    assert told(compare(confirming(first), confirming(third), steps)) == [
        {"what": "changed", "key": "budget", "value": "3", "was": "1", "basis": "user_stated", "version": 3}
    ]


def test_a_value_that_came_and_went_between_is_no_difference() -> None:
    kept, passing = fact("city", "Rome"), fact("budget", "2", 2)
    steps = [Step(2, Change(added=(passing,))), replacing(3, passing, None)]
    assert compare(confirming(kept), confirming(kept), steps) == []


def test_a_fact_told_under_another_key_says_which_it_was() -> None:
    old, new = fact("home", "Rome"), fact("city", "Paris", 2)
    (line,) = compare(confirming(old), confirming(new), [replacing(2, old, new)])
    assert (line.what, line.key, line.value, line.was) == ("changed", "city", "Paris", "home: Rome")


def test_a_guess_the_user_stated_is_confirmed_not_added() -> None:
    """Without _Place.confirmed in _departed the move between the fields would go untold."""
    old = guess("city", "Rome")
    promoted = old.model_copy(update={"basis": "user_stated", "last_version": 2})
    step = Step(2, Change(confirmed=(promoted,), promoted=(old,)))
    (line,) = compare(assuming(old), confirming(promoted), [step])
    assert told([line]) == [{"what": "confirmed", "key": "city", "value": "Rome", "basis": "user_stated", "version": 2}]
    assert told(describe(step)) == [{"what": "confirmed", "key": "city", "value": "Rome", "basis": "user_stated"}]


def test_a_guess_that_gave_way_to_the_users_word_is_confirmed_with_what_it_was() -> None:
    old, new = guess("city", "Rome"), fact("city", "Paris", 2)
    (line,) = compare(assuming(old), confirming(new), [replacing(2, old, new)])
    assert (line.what, line.value, line.was) == ("confirmed", "Paris", "Rome")


def test_a_confirmed_fact_that_is_a_guess_now_is_demoted() -> None:
    """A re-fold may see as a guess what extraction took for the user's word."""
    old, new = fact("city", "Rome"), guess("city", "Rome", 2)
    (line,) = compare(confirming(old), assuming(new), [replacing(2, old, new)])
    assert (line.what, line.key, line.value, line.was) == ("demoted", "city", "Rome", None)


def test_what_left_says_how_and_when() -> None:
    """Without _Way.end_of a removed fact would have no reason, or that of a value before the last."""
    retracted, evicted, old, new = (
        fact("city", "Rome"),
        guess("name", "Ann"),
        fact("budget", "1"),
        fact("budget", "2", 2),
    )
    before = Memory(user_confirmed=(retracted, old), llm_inferred=(evicted,))
    steps = [
        replacing(2, old, new),
        replacing(3, retracted, None),
        Step(4, Change(evicted=(evicted,))),
        replacing(5, new, None),
    ]
    lines = compare(before, Memory(), steps)
    assert [(line.what, line.key, line.reason, line.version) for line in lines] == [
        ("removed", "city", "retracted", 3),
        ("removed", "budget", "retracted", 5),
        ("removed", "name", "evicted", 4),
    ]


def test_what_the_models_second_look_took_away_was_not_retracted_by_the_user() -> None:
    """Without _ending a fact extraction had misread would look as if the user had taken it back."""
    misread, taken_back = fact("city", "Rome", 2), fact("name", "Ann")
    change = Change(replaced=(Replaced(old=misread, new=None), Replaced(old=taken_back, new=None)))
    step = Step(4, change, replaces_version=2)
    assert [(line.what, line.key) for line in describe(step)] == [("undone", "city"), ("retracted", "name")]
    lines = compare(confirming(misread, taken_back), Memory(), [step])
    assert [(line.key, line.reason) for line in lines] == [("city", "undone"), ("name", "retracted")]


def test_what_a_person_took_out_was_rejected_not_retracted() -> None:
    """Without VERDICTS in _ending a verdict would look like the user's own words in a turn."""
    old = fact("city", "Rome")
    step = Step(2, Change(replaced=(Replaced(old=old, new=None),)), "verdict")
    assert [line.what for line in describe(step)] == ["rejected"]
    assert [(line.what, line.reason) for line in compare(confirming(old), Memory(), [step])] == [
        ("removed", "rejected")
    ]


def test_what_the_models_second_look_says_too_is_repeated_and_what_it_doubts_is_demoted() -> None:
    """Without _said_anew a value would seem to have taken its own place."""
    old, same, doubted = fact("city", "Rome", 2), fact("city", "Rome", 4), guess("city", "Rome", 4)
    for new, what in ((same, "repeated"), (doubted, "demoted")):
        assert [line.what for line in describe(replacing(4, old, new))] == [what]
    assert [line.what for line in describe(replacing(4, doubted, same))] == ["confirmed"]


def test_a_fact_that_came_back_is_the_same_fact() -> None:
    """A re-fold gave back what extraction had replaced; following the chain must end though it leads in a circle."""
    old, wrong = fact("budget", "1"), fact("budget", "2", 2)
    steps = [replacing(2, old, wrong), replacing(3, wrong, old)]
    assert compare(confirming(old), confirming(old), steps) == []
    assert [line.was for line in compare(confirming(wrong), confirming(old), steps)] == ["2"]
    assert [line.what for line in compare(confirming(old), Memory(), steps)] == ["removed"]


def test_a_guess_says_why_it_is_not_the_users_word() -> None:
    admitted = fold([propose("city", "Rome", "I live in Paris.")], [turn(1, "I live in Paris.")])
    (line,) = compare(Memory(), admitted.memory, [Step(2, admitted.change)])
    assert (line.what, line.value, line.basis, line.version) == ("added", "Rome", "inferred", 2)
    assert line.reason
    assert [each.what for each in describe(Step(2, admitted.change))] == ["demoted"], "told once, with its reason"


def test_lines_of_the_summary_come_and_go() -> None:
    lines = compare(confirming(summary="one\n\ntwo"), confirming(summary="two\nthree"), [])
    assert [(line.what, line.value) for line in lines] == [("left_summary", "one"), ("joined_summary", "three")]


def test_a_version_says_the_old_value_and_the_new() -> None:
    """Without `was` in _replaced the old value would have to be looked up in the version before."""
    old, new = fact("budget", "1"), fact("budget", "2", 2)
    assert told(describe(replacing(2, old, new))) == [
        {"what": "superseded", "key": "budget", "value": "2", "was": "1", "basis": "user_stated"}
    ]
    assert [line.what for line in describe(replacing(2, old, None))] == ["retracted"]


SAID = {
    "My budget is 500.": ("budget", "500"),
    "My budget is 600.": ("budget", "600"),
    "I live in Rome.": ("city", "Rome"),
    "I live in Paris.": ("city", "Paris"),
    "My name is Ana.": ("name", "Ana"),
}


def propose_some(chance: random.Random, turns: Sequence[Turn], memory: Memory) -> list[ProposedFact]:
    """Statements that are proven, guesses of the same, guesses without end, what takes back, and what is not so."""
    ids = ["", *facts_of(memory)]
    proposals: list[ProposedFact] = []
    for each in turns:
        key, value = SAID.get(each.content, ("budget", ""))
        stated = propose(key, value, each.content, each.seq)
        guessed = propose(key, chance.choice([value, "900"]), each.content, each.seq, basis="inferred")
        long = propose(f"plan {each.seq}", "perhaps this and that " * 4, "", each.seq, basis="inferred")
        back = propose("budget", "", each.content, each.seq, op="retract", replaces=chance.choice(ids))
        other = propose(key, "900", each.content, each.seq, op="supersede", replaces=chance.choice(ids))
        proposals += chance.sample([stated, stated, guessed, long, back, other], k=chance.randrange(4))
    return proposals


def live(seed: int, versions: int = 7) -> tuple[list[Memory], list[Change]]:
    """The life of a memory under random deltas; the last version, a re-fold's, takes the place of the third."""
    chance, memories, changes = dice(seed), [Memory()], list[Change]()
    turns: dict[int, list[Turn]] = {}
    for version in range(1, versions):
        said = [turn(3 * version + n, chance.choice([*SAID, "Forget my budget."])) for n in range(3)]
        turns[version] = said
        summary = f"[{version}] user: said in version {version}\n{memories[-1].general_summary}"
        proposals = propose_some(chance, said, memories[-1])
        admitted = fold(proposals, said, memory=memories[-1], summary=summary, version=version, memory_tokens=120)
        memories.append(admitted.memory)
        changes.append(admitted.change)
    stale = Provisional(3, 1, 5, changes[2], memories[2], memories[3])
    delta = Delta(facts=tuple(propose_some(chance, turns[3], memories[-1])))
    cited = {each.seq: each for each in turns[3]}
    admitted = admit_replacement(
        memories[-1], stale, delta, cited, base_version=versions - 1, version=versions, memory_tokens=120
    )
    return [*memories, admitted.memory], [*changes, admitted.change]


LIVES = range(120)
Pair: TypeAlias = tuple[str | None, str | None]
"""The key and value of a fact."""


def test_the_lives_told_below_hold_every_kind_of_change() -> None:
    changes = [change for seed in LIVES for change in live(seed)[1]]
    outcomes = {each.outcome for change in changes for each in change.refused}
    assert {"demoted", "dropped"} <= outcomes
    assert [name for name in Change.model_fields if not any(getattr(change, name) for change in changes)] == []


@pytest.mark.parametrize("seed", LIVES)
def test_the_deltas_alone_tell_the_whole_life_of_a_memory(seed: int) -> None:
    """Applied in order from nothing they give the facts of every version: nothing else ever changed."""
    memories, changes = live(seed)
    assert replay(changes) == [facts_of(memory) for memory in memories[1:]]


@pytest.mark.parametrize("seed", LIVES)
def test_nothing_that_differs_goes_untold(seed: int) -> None:
    """Every fact of one side only is named, what is gone with its reason, and every line of the summaries too."""
    memories, changes = live(seed)
    for first in range(len(memories)):
        for last in range(first + 1, len(memories)):
            before, after = memories[first], memories[last]
            steps = [Step(version, changes[version - 1]) for version in range(first + 1, last + 1)]
            check_told(before, after, compare(before, after, steps))


def check_told(before: Memory, after: Memory, lines: Sequence[ChangeLine]) -> None:
    """What stood, less what the lines call gone, with what they call new, is what stands."""
    kept = Counter[Pair]((fact.key, fact.value) for fact in facts_of(before).values())
    told_facts = [line for line in lines if line.key is not None]
    kept.subtract((line.key, line.value) for line in told_facts if line.what == "removed")
    kept.subtract(old_of(line) for line in told_facts if line.was is not None)
    new = {(line.key, line.value) for line in told_facts if line.what != "removed"}
    assert new | {said for said, count in kept.items() if count > 0} == {
        (fact.key, fact.value) for fact in facts_of(after).values()
    }
    assert min(kept.values(), default=0) >= 0, "nothing is called gone that never stood"
    assert all(line.reason and line.version for line in told_facts if line.what == "removed")
    left = {line.value for line in lines if line.what == "left_summary"}
    assert set(before.general_summary.splitlines()) == left | (
        set(before.general_summary.splitlines()) & set(after.general_summary.splitlines())
    )


def old_of(line: ChangeLine) -> Pair:
    """The key and value of what stood before a line's fact."""
    key, colon, value = str(line.was).partition(": ")
    return (key, value) if colon else (line.key, line.was)
