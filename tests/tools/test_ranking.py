"""Ranking: which turns hold a query's words."""

import pytest

from chat_memory.storage.snapshots import CutTurn
from chat_memory.tools.ranking import MOST_TERMS, Query, score_turns, weigh_terms
from tests.growth import LINEAR, growth


def turns(*contents: str) -> list[CutTurn]:
    """The user's turns, numbered from 1."""
    return [
        CutTurn(seq, "user", attested=True, content=text, characters=len(text)) for seq, text in enumerate(contents, 1)
    ]


def score(query: str, said: list[CutTurn]) -> list[float]:
    """Score turns for a query."""
    wanted = Query.of(query)
    counts = [wanted.count(turn.content) for turn in said]
    return score_turns(said, counts, weigh_terms(counts))


def best(query: str, *contents: str) -> str:
    """Name the turn that answers best."""
    scores = score(query, turns(*contents))
    return contents[scores.index(max(scores))] if max(scores) else ""


def test_a_rare_word_tells_more_than_a_common_one() -> None:
    """Fails when terms weigh the same."""
    assert best("boat harbour", "boat", "boat", "boat boat", "harbour", "boat") == "harbour"


def test_a_short_turn_tells_more_than_a_long_one() -> None:
    """Fails without the length in BM25: a long turn holds every word some time."""
    assert best("harbour", "harbour " + "lorem " * 200, "ipsum", "dolor", "harbour at noon") == "harbour at noon"


def test_a_word_said_often_does_not_win_by_that_alone() -> None:
    """Fails when counts are not dampened."""
    assert best("boat harbour", "boat " * 30, "x", "y", "boat harbour") == "boat harbour"


def test_code_makes_no_turn_long() -> None:
    """Fails when code counts as length."""
    code = "the harbour opens\n```\n" + "x = 1\n" * 300 + "```"
    assert best("harbour", "the harbour opens late in winter, they say", "x", "y", code) == code


def test_what_stands_beside_an_answer_is_found_with_it() -> None:
    """Fails without the neighbours' share."""
    scores = score("harbour", turns("alpha", "harbour", "beta", "gamma"))
    assert scores[1] > scores[0] == scores[2] > scores[3] == 0


def test_the_users_words_come_before_the_assistants() -> None:
    """Fails when roles weigh the same."""
    said = turns("harbour", "x", "y", "harbour")
    said[0] = CutTurn(1, "assistant", attested=False, content="harbour", characters=7)
    scores = score("harbour", said)
    assert scores[3] > scores[0] > 0


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("plans", "planning"),
        ("planned", "plan"),
        ("deadlines", "my deadline"),
        ("study", "studies"),
        ("Budget", "BUDGETED"),
        ("10:30", "at 10:30."),
        ("user_id", "the user_id column"),
        ("CAFÉ", "cafe\u0301"),
    ],
)
def test_words_are_found_in_other_forms(query: str, said: str) -> None:
    assert best(query, "nothing", said) == said


def test_a_number_is_not_found_in_another_one() -> None:
    assert best("5", "15 and 5.3 and 105") == ""


@pytest.mark.parametrize(
    ("query", "said", "other"),
    [
        ("预算是多少", "我的预算是五千", "今天天气很好"),
        ("締め切り", "レポートの締め切りは金曜", "犬が好きです"),
        ("예산", "우리 예산은 오천", "날씨가 좋다"),
        ("งบประมาณ", "เรามีงบประมาณห้าพัน", "อากาศดี"),
        ("Бюджет", "наш бюджет пять тысяч", "погода хорошая"),
    ],
)
def test_other_scripts_are_searched(query: str, said: str, other: str) -> None:
    """Fails for those without spaces when words are all that is compared."""
    assert best(query, other, said) == said


@pytest.mark.parametrize("query", ["", "   ", "and what is it?", "can you summarize our conversation?", "?!"])
def test_a_query_that_names_nothing_finds_nothing(query: str) -> None:
    assert score(query, turns("and what is it?", "can you summarize our conversation?")) == [0, 0]


def test_a_long_query_is_searched_by_its_first_words() -> None:
    """Fails without the bound on terms: a query would cost as much as it is long."""
    words = [f"word{number}" for number in range(MOST_TERMS + 9)]
    assert len(set(Query.of(" ".join(words)).forms.values())) == MOST_TERMS


def test_scores_are_the_same_every_time() -> None:
    said = turns(*(f"boat {number % 7} harbour {number % 3}" for number in range(50)))
    assert score("boat harbour 3", said) == score("boat harbour 3", said)


def test_recall_reads_a_turn_of_marks_in_pieces() -> None:
    """Normalizing in one piece makes this fail."""
    assert growth(lambda length: Query.of("Rome").count("\u0f73" * length), 4000) < LINEAR
