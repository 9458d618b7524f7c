"""What nobody proved: the assistant's guesses, and the user's yes to its questions; for `llm_inferred` only."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from chat_memory.models import Fact, ProposedFact, Turn
from chat_memory.prompts.offers import accepts, find_displaced
from chat_memory.prompts.sentences import split_sentences
from chat_memory.prompts.words import content_words

TURN_GUESSES = 8
"""Most guesses taken from one turn."""
TEXT_CHARS = 300
"""Longest assumption and longest quote for one, characters."""

_GUESS = re.compile(
    r"\b(?:i(?:['\u2019]m| am)? (?:assum(?:e|ing)|guess(?:ing)?|take it|gather|suspect)(?: that)?"
    r"|it (?:sounds|seems|looks) like|you (?:probably|seem to|must be))\s(?P<guess>[^.!?]{3,300})",
    re.IGNORECASE,
)
_LABEL_WORDS = 6


def find_assumptions(
    turns: Sequence[Turn], stated: Sequence[Fact | ProposedFact], question: Turn | None = None
) -> Iterator[ProposedFact]:
    """Find guesses and affirmations in a fold's turns, and the offers taken in the place of what was stated.

    `question` is the turn before them, where they open with an answer to it.
    """
    asked = question
    for turn in turns:
        if turn.role == "assistant":
            yield from _guesses(turn)
        elif turn.is_users_word and asked is not None and asked.role == "assistant":
            yield from _affirmed(turn, asked, stated)
        asked = turn


def _affirmed(turn: Turn, asked: Turn, stated: Sequence[Fact | ProposedFact]) -> Iterator[ProposedFact]:
    """Find what a yes takes in the place of the latest stated value of that type, else the question it answers."""
    agreed = accepts(turn.content)
    if not agreed:
        return
    before = [fact for fact in stated if fact.source_seq < turn.seq]
    displaced = find_displaced(asked.content, turn.content, before)
    if displaced is not None:
        old, offered = displaced
        yield _assume(old.key, offered, turn, agreed)
        return
    sentences = split_sentences(asked.content)
    if sentences and sentences[-1].endswith("?"):
        yield _assume(_label("affirmed", sentences[-1]), sentences[-1], turn, agreed)


def _guesses(turn: Turn) -> Iterator[ProposedFact]:
    guesses = ((sentence, _GUESS.search(sentence)) for sentence in split_sentences(turn.content))
    for sentence, match in islice((each for each in guesses if each[1] is not None), TURN_GUESSES):
        if match is not None and content_words(match["guess"]):
            yield _assume(_label("assumed", match["guess"]), match["guess"], turn, sentence)


def _label(kind: str, text: str) -> str:
    label = " ".join(content_words(text)[:_LABEL_WORDS])
    return f"{kind} {label}"[:80]


def _assume(key: str, text: str, turn: Turn, sentence: str) -> ProposedFact:
    return ProposedFact(
        op="add",
        key=key,
        value=_shorten(text),
        basis="user_affirmed" if turn.is_users_word else "assistant_said",
        quote=_shorten(sentence),
        source_seq=turn.seq,
    )


def _shorten(text: str) -> str:
    """Cut a text that is too long at a word, so that it is still found in its turn."""
    return text.strip() if len(text) <= TEXT_CHARS else text[:TEXT_CHARS].rpartition(" ")[0].strip()
