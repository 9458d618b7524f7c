"""Evidence recall: what counts as shown, and what does not."""

from chat_memory.lab.evaluation.evidence import Score, list_lines, read_sentences, read_words
from chat_memory.lab.evaluation.finding import Share
from chat_memory.replies import MemoryReply, Recalled, TurnReply

SAID = "The red ferry leaves Larsholm at 06:40. It costs 12 crowns!"


def score(*lines: str) -> Score:
    """Score lines against one turn."""
    return Score.of([read_sentences(SAID)], [read_words(line) for line in lines])


def test_what_is_shown_word_for_word_counts_whole() -> None:
    assert score(SAID) == Score(Share(8, 8), Share(2, 2))


def test_words_scattered_over_a_reply_count_for_nothing() -> None:
    """Fails without the share that one line must hold together."""
    assert score("red herring", "a ferry", "Larsholm", "06:40").words == Share(0, 8)


def test_half_a_sentence_counts_as_half() -> None:
    """Fails when a sentence counts as shown by half of its words."""
    assert score("a ferry leaves Larsholm") == Score(Share(3, 8), Share(0, 2))


def test_code_is_no_evidence() -> None:
    assert read_sentences("```\nferry = 1\n```\nBread.") == [frozenset({"bread"})]


def test_every_question_weighs_the_same() -> None:
    assert score("ferry leaves Larsholm 06:40").recall == Share(0.5)
    assert Score.of([], []).recall == Share(0, 0)


def test_all_that_a_reply_shows_is_read() -> None:
    """Fails when a field is forgotten."""
    reply = MemoryReply(
        chat_id="a",
        user_confirmed={"boat": "red"},
        llm_inferred={"harbour": "north"},
        general_summary="[1] user: ferry at noon",
        pending_turns=(TurnReply(seq=2, role="user", content="Crowns! And bread."),),
        recall=(Recalled(seq=1, role="user", text="Larsholm."),),
    )
    shown = [{"boat", "red"}, {"harbour", "north"}, {"ferry", "noon"}, {"crowns"}, {"bread"}, {"larsholm"}]
    assert list_lines(reply) == shown
