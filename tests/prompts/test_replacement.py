"""A version in the place of another: what that one added goes, what it took away comes back, nothing goes unnamed."""

import pytest

from chat_memory.models import Change, Delta, Fact, Memory, Provisional, Replaced
from chat_memory.prompts.replacement import admit_replacement, undo
from chat_memory.prompts.revision import Admitted
from tests.prompts.said import fold, known, propose, turn, values
from tests.prompts.test_gate import random_proposals

TOKENS = 2000


def added(key: str, value: str, *, version: int = 2, seq: int = 3, basis: str = "user_stated") -> Fact:
    """A fact with the id a version gives."""
    fact = known(key, value, seq=seq, version=version)
    return fact.model_copy(update={"id": f"f{version}.{key}", "basis": basis})


def made(change: Change, before: Memory | None = None, after: Memory | None = None) -> Provisional:
    """Version 2, made by extraction of turns 3 and 4."""
    return Provisional(2, 3, 4, change, before or Memory(), after or Memory())


def confirming(*facts: Fact) -> Memory:
    return Memory(user_confirmed=facts)


def test_what_the_version_added_goes_and_the_rest_stays() -> None:
    """Without `provisional.version` in _is_undone what other versions added would go too."""
    kept, gone = added("city", "Rome", version=1), added("name", "Ann")
    memory = confirming(kept, gone, added("budget", "500", version=3))
    assert set(values(undo(memory, 3, made(Change(added=(gone,))), TOKENS).user_confirmed)) == {"city", "budget"}


def test_a_persons_verdict_stays_and_so_does_what_a_later_version_renewed() -> None:
    """Without the conditions of _is_undone on basis and last_version a re-fold would undo what others said since."""
    verdict = added("name", "Ann", basis="operator")
    renewed = added("city", "Rome").model_copy(update={"last_version": 3})
    memory = confirming(verdict, renewed)
    assert undo(memory, 3, made(Change(added=memory.user_confirmed)), TOKENS) == memory


def test_what_it_took_away_comes_back() -> None:
    """Without _displaced a fact that extraction misread away would stay lost, though named."""
    old, wrong = added("budget", "500", version=1), added("budget", "900")
    taken = added("city", "Rome", version=1)
    change = Change(replaced=(Replaced(old=old, new=wrong), Replaced(old=taken, new=None)))
    assert undo(confirming(wrong), 2, made(change, confirming(old, taken)), TOKENS) == confirming(old, taken)


def test_what_it_took_away_twice_in_one_version_comes_back() -> None:
    old, first, second = added("budget", "1", version=1), added("budget", "2"), added("budget", "3")
    second = second.model_copy(update={"id": "f2.second"})
    change = Change(replaced=(Replaced(old=old, new=first), Replaced(old=first, new=second)))
    assert undo(confirming(second), 2, made(change, confirming(old)), TOKENS) == confirming(old)


def test_what_was_said_since_is_not_pushed_aside_by_what_comes_back() -> None:
    """Without _is_free an older value would stand beside, or in the place of, a newer one."""
    old, wrong, newer = added("budget", "1", version=1), added("budget", "2"), added("budget", "3", version=3)
    for heir in (wrong, None):
        change = Change(replaced=(Replaced(old=old, new=heir),))
        assert undo(confirming(newer), 3, made(change, confirming(old)), TOKENS) == confirming(newer)


def test_what_went_with_its_successor_does_not_come_back() -> None:
    """Without `heir.id in going` a value that was replaced twice, last under another key, would be back."""
    old, wrong, newer = added("budget", "1", version=1), added("budget", "2"), added("spending", "3", version=3)
    change = Change(replaced=(Replaced(old=old, new=wrong),))
    assert undo(confirming(newer), 3, made(change, confirming(old)), TOKENS) == confirming(newer)


def test_what_comes_back_stays_within_the_cap() -> None:
    """Without `room` the memory could outgrow its cap: a confirmed fact is never evicted."""
    old, wrong = added("plan", "word " * 400, version=1), added("plan", "short")
    newer = added("budget", "500", version=3)
    change = Change(replaced=(Replaced(old=old, new=wrong),))
    shown = undo(confirming(wrong, newer), 3, made(change, confirming(old)), 256)
    assert shown == confirming(newer)


@pytest.mark.parametrize(
    ("version", "summary", "shown"),
    [(2, "old\n[3] user: new", "old\ncut"), (5, "old\n[3] user: new\nlatest", "old\nlatest")],
)
def test_the_lines_it_wrote_leave_the_summary(version: int, summary: str, shown: str) -> None:
    """Right after the version the summary it found is whole; later its lines alone go."""
    before, after = Memory(general_summary="old\ncut"), Memory(general_summary="old\n[3] user: new")
    memory = Memory(general_summary=summary)
    assert undo(memory, version, made(Change(), before, after), TOKENS).general_summary == shown


def replace(memory: Memory, provisional: Provisional, delta: Delta, base_version: int = 4) -> Admitted:
    said = {3: turn(3, "My budget is 500."), 4: turn(4, "I live in Rome.")}
    return admit_replacement(
        memory, provisional, delta, said, base_version=base_version, version=5, memory_tokens=TOKENS
    )


def test_the_same_fact_said_by_the_model_takes_the_place_of_extractions() -> None:
    """Without `gone` in _tell the fact that went before the gate ran would leave without a line."""
    fact = added("budget", "500")
    delta = Delta(facts=(propose("budget", "500", "My budget is 500.", 3),))
    admitted = replace(confirming(fact), made(Change(added=(fact,))), delta)
    (new,) = admitted.memory.user_confirmed
    assert (new.id, new.value) == ("f5.1", "500")
    assert admitted.change.replaced == (Replaced(old=fact, new=new),)
    assert admitted.change.added == ()


def test_a_draft_made_of_an_older_memory_leaves_the_summary_as_it_is() -> None:
    """Without base_version in admit_replacement a crash could let an old answer write over a newer summary."""
    memory = Memory(general_summary="old\n[3] user: new\nlatest")
    provisional = made(Change(), after=Memory(general_summary="old\n[3] user: new"))
    delta = Delta(summary="What the model knew of.")
    assert replace(memory, provisional, delta, base_version=3).memory.general_summary == memory.general_summary
    told = replace(memory, provisional, delta)
    assert told.memory.general_summary == "What the model knew of."
    assert "[3] user: new" in told.change.left_summary


@pytest.mark.parametrize("seed", range(100))
def test_a_replacement_names_everything_that_left_and_came(seed: int) -> None:
    """The memory after is the memory before, less what was replaced or evicted, plus what was added: nothing else."""
    proposals, turns, before = random_proposals(seed)
    extracted = fold(proposals, turns, memory=before, summary="[1] user: said")
    other, _, _ = random_proposals(seed + 1000)
    later = fold(other[:2], turns, memory=extracted.memory, version=3)
    provisional = Provisional(2, 1, 5, extracted.change, before, extracted.memory)
    said = {each.seq: each for each in turns}
    third, _, _ = random_proposals(seed + 2000)
    memory = later.memory
    admitted = admit_replacement(
        memory, provisional, Delta(facts=tuple(third)), said, base_version=3, version=4, memory_tokens=TOKENS
    )
    change, stood = admitted.change, {fact.id for fact in (*memory.user_confirmed, *memory.llm_inferred)}
    came = {fact.id for fact in change.added} | {each.new.id for each in change.replaced if each.new is not None}
    went = {each.old.id for each in change.replaced} | {fact.id for fact in change.evicted}
    after = [*admitted.memory.user_confirmed, *admitted.memory.llm_inferred]
    assert {fact.id for fact in after} == (stood | came) - went
    assert len({fact.id for fact in after}) == len(after)
    for field in (admitted.memory.user_confirmed, admitted.memory.llm_inferred):
        assert len(values(field)) == len(field)
