"""What nobody proved: the assistant's guesses, and the user's yes to its questions; for `llm_inferred` only."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from chat_memory.models import ProposedFact, Turn
from chat_memory.prompts.sentences import Line, split_sentences
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
_YES = re.compile(
    r"(?:yes|yeah|yep|yup|correct|right|exactly|indeed|sure|sounds good|that(?:['\u2019]s| is) (?:right|correct))\b",
    re.IGNORECASE,
)
_LABEL_WORDS = 6


def find_assumptions(turns: Sequence[Turn], lines: Sequence[Line]) -> Iterator[ProposedFact]:
    """Find guesses and affirmations in a fold's turns; the summary's lines tell what was asked just before."""
    asked = _asked_before(turns, lines)
    for turn in turns:
        sentences = split_sentences(turn.content) if turn.role in {"user", "assistant"} else []
        if turn.role == "assistant":
            yield from _guesses(turn, sentences)
            asked = sentences[-1] if sentences and sentences[-1].endswith("?") else ""
        elif sentences:
            if asked and turn.attested and _YES.match(sentences[0]):
                yield _assume("affirmed", asked, turn, sentences[0])
            asked = ""


def _asked_before(turns: Sequence[Turn], lines: Sequence[Line]) -> str:
    previous = [line for line in lines if turns and line.seq == turns[0].seq - 1 and line.role == "assistant"]
    return previous[-1].text if previous and previous[-1].text.endswith("?") else ""


def _guesses(turn: Turn, sentences: Sequence[str]) -> Iterator[ProposedFact]:
    guesses = ((sentence, _GUESS.search(sentence)) for sentence in sentences)
    for sentence, match in islice((each for each in guesses if each[1] is not None), TURN_GUESSES):
        if match is not None and content_words(match["guess"]):
            yield _assume("assumed", match["guess"], turn, sentence)


def _assume(kind: str, text: str, turn: Turn, sentence: str) -> ProposedFact:
    label = " ".join(content_words(text)[:_LABEL_WORDS])
    return ProposedFact(
        op="add",
        key=f"{kind} {label}"[:80],
        value=_shorten(text),
        basis="user_affirmed" if kind == "affirmed" else "assistant_said",
        quote=_shorten(sentence),
        source_seq=turn.seq,
    )


def _shorten(text: str) -> str:
    """Cut a text that is too long at a word, so that it is still found in its turn."""
    return text.strip() if len(text) <= TEXT_CHARS else text[:TEXT_CHARS].rpartition(" ")[0].strip()
