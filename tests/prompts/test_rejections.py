"""What a person rejected does not come back from what was said before, as a fact or as a line."""

import pytest

from chat_memory.models import Change, Fact, Memory, Provisional, Rejected, Replaced
from chat_memory.prompts.rejections import Rejections
from chat_memory.prompts.replacement import undo
from tests.prompts.said import fold, known, propose, turn, values

LISBON = known("home", "Lisbon", seq=3).model_copy(update={"quote": "I live in Lisbon."})
GONE = Rejected(fact=LISBON, upto_seq=5)
REJECTED = Memory(rejected=(GONE,))
SAID = "I live in Lisbon."


@pytest.mark.parametrize(
    ("key", "value", "seq"),
    [
        ("home", "Lisbon", 3),
        ("home", "Lisbon", 5),
        ("Home", "lisbon", 4),
        ("town", "Lisbon", 3),
        ("home", "Lisbon, Portugal", 3),
        ("place", "live in Lisbon", 3),
    ],
)
def test_what_was_rejected_is_refused_from_the_same_evidence(key: str, value: str, seq: int) -> None:
    """Each half of covers removed fails here: the value under its key, or either of them from the very turn.

    Without wrapped the whole sentence as a value brings it back.
    """
    admitted = fold([propose(key, value, SAID, seq, basis="inferred")], [turn(seq, SAID)], memory=REJECTED)
    assert (admitted.memory.user_confirmed, admitted.memory.llm_inferred) == ((), ())
    assert [(one.outcome, one.reason) for one in admitted.change.refused] == [
        ("dropped", "a person rejected it (home), and nobody has said so since")
    ]


@pytest.mark.parametrize(
    ("key", "value", "seq", "said"),
    [
        ("home", "Lisbon", 6, SAID),
        ("home", "Porto", 4, "I live in Porto."),
        ("budget", "900", 3, "My budget is 900."),
        ("town", "Lisbon", 4, SAID),
        ("employer", "Lisbon Labs", 3, "I live in Lisbon and work at Lisbon Labs."),
    ],
)
def test_what_was_not_rejected_is_admitted(key: str, value: str, seq: int, said: str) -> None:
    """Without upto_seq what the user says again would be refused for ever; with less of the rule too much would be."""
    admitted = fold([propose(key, value, said, seq, basis="inferred")], [turn(seq, said)], memory=REJECTED)
    assert values(admitted.memory.llm_inferred) == {key: value}


def test_what_was_rejected_is_refused_to_the_user_s_own_words_too() -> None:
    admitted = fold([propose("home", "Lisbon", SAID, 3)], [turn(3, SAID)], memory=REJECTED)
    assert admitted.memory.user_confirmed == ()


def test_a_fold_keeps_what_was_rejected() -> None:
    """Without `rejected` in Revision.close a draft's second look would know of nothing."""
    assert fold(memory=REJECTED).memory.rejected == (GONE,)


@pytest.mark.parametrize(
    ("summary", "kept", "left"),
    [
        ("[3] user: I live in Lisbon.\n[4] user: It rains.", "[4] user: It rains.", ["[3] user: I live in Lisbon."]),
        ("[5] assistant: So you live in Lisbon?", "", ["[5] assistant: So you live in Lisbon?"]),
        ("[3] user: Well, Lisbon it is.", "", ["[3] user: Well, Lisbon it is."]),
        ("Ann lives in Lisbon. She plans a trip.", "She plans a trip.", ["Ann lives in Lisbon."]),
        ("[6] user: I live in Lisbon.", "[6] user: I live in Lisbon.", []),
        ("[4] user: A flight to Lisbon, please.", "[4] user: A flight to Lisbon, please.", []),
        ("She flies to Lisbon. - And back.", "She flies to Lisbon. - And back.", []),
        ("[4] user: I live in Porto.", "[4] user: I live in Porto.", []),
    ],
)
def test_lines_that_say_what_was_rejected_leave_the_summary(summary: str, kept: str, left: list[str]) -> None:
    """Each condition of is_told removed fails here: a summary would go on saying it, or lose what is not about it."""
    assert Rejections([GONE]).clean(summary, ()) == (kept, left)


def test_a_summary_that_was_drafted_before_the_verdict_is_cleaned_and_named() -> None:
    """Without clean in Revision.close a draft in flight would bring the line back."""
    admitted = fold(memory=REJECTED, summary="[3] user: I live in Lisbon.\n[4] user: It rains.")
    assert admitted.memory.general_summary == "[4] user: It rains."
    assert admitted.change.left_summary == ("[3] user: I live in Lisbon.",)


def test_what_stands_again_may_be_told() -> None:
    """Without `back` in clean the summary could not name what the user has said again."""
    again = LISBON.model_copy(update={"id": "f9.1", "source_seq": 9})
    assert Rejections([GONE]).clean("Ann lives in Lisbon.", [again]) == ("Ann lives in Lisbon.", [])


def test_a_second_look_does_not_bring_back_what_was_rejected() -> None:
    """Without the rejections in undo a fact that the replaced version took away would be back after its verdict."""
    change = Change(replaced=(Replaced(old=LISBON, new=None),))
    provisional = Provisional(2, 3, 4, change, Memory(user_confirmed=(LISBON,)), Memory())
    assert undo(Memory(), 3, provisional, 2000).user_confirmed == (LISBON,)
    assert undo(REJECTED, 3, provisional, 2000) == REJECTED


def settled(basis: str) -> Fact:
    return LISBON.model_copy(update={"basis": basis, "source_seq": 5, "settled_seq": 5})


@pytest.mark.parametrize("basis", ["operator", "user_stated"])
def test_a_persons_verdict_outlasts_what_was_said_before_it(basis: str) -> None:
    """Without settled_seq in outlasts the turn a verdict was given after would take it back."""
    memory = Memory(user_confirmed=(settled(basis),))
    says = "Actually, I live in Porto now."
    proposal = propose("home", "Porto", says, 5, op="supersede", replaces="home")
    assert fold([proposal], [turn(5, says)], memory=memory).memory == memory
    later = fold([proposal.model_copy(update={"source_seq": 6})], [turn(6, says)], memory=memory)
    assert values(later.memory.user_confirmed) == {"home": "Porto"}


def test_a_persons_verdict_is_not_taken_back_by_what_was_said_before_it() -> None:
    """Without outlasts in weigh_retraction an older `forget it` would remove it."""
    memory = Memory(user_confirmed=(settled("operator"),))
    says = "I do not live in Lisbon."
    proposal = propose("home", "", says, 5, op="retract", replaces="home")
    assert fold([proposal], [turn(5, says)], memory=memory).memory == memory
    later = fold([proposal.model_copy(update={"source_seq": 6})], [turn(6, says)], memory=memory)
    assert later.memory.user_confirmed == ()
