"""Names inside a sentence, and the keys a sentence gives them."""

import pytest

from chat_memory.prompts.names import find_names


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("I fly from Oslo to Lima.", [("from place", "Oslo"), ("to place", "Lima")]),
        ("Send it to Ana Ruiz please.", [("send to", "Ana Ruiz")]),
        ("I gave the key to Ana.", [("gave to", "Ana")]),
        ("A flat in Porto, please.", [("place", "Porto")]),
        ("A flat in Porto, Portugal, please.", [("place", "Porto, Portugal")]),
        ("I am leaving Oslo.", [("from place", "Oslo")]),
        ("A Norwegian teacher, please.", [("teacher", "Norwegian")]),
        ("I like films by Ana Ruiz.", [("films by", "Ana Ruiz")]),
        ("I visit Oslo.", [("visit", "Oslo")]),
        ("In Oslo.", [("place", "Oslo")]),
        ("We meet at The House of Ana.", [("place", "House of Ana")]),
        ("I need it from Oslo to Lima.", [("from place", "Oslo"), ("to place", "Lima")]),
    ],
)
def test_a_name_is_keyed_by_its_sentence(sentence: str, named: list[tuple[str, str]]) -> None:
    """Fails without a line of _key."""
    assert [(found.key, found.value) for found in find_names(sentence)] == named


@pytest.mark.parametrize(
    "sentence",
    [
        "Please call me.",
        "Oslo is nice.",
        "It is written in Python.",
        "We meet on Friday in March.",
        "It costs 5 USD on May 2.",
        "my mail is Ana@example.org",
        "Wien.",
        "住在Oslo。",
    ],
)
def test_what_is_no_name_or_tells_nothing_is_left_out(sentence: str) -> None:
    """Fails without _trim, _is_name or _IN_WORDS."""
    assert list(find_names(sentence)) == []


def test_a_name_knows_where_it_stands() -> None:
    sentence = "I go to Oslo and fly from Lima."
    assert [sentence[found.start : found.end] for found in find_names(sentence)] == ["Oslo", "Lima"]
