"""Evidence recall: how much of what answers a question a text holds. The one place that defines it.

The evidence of a question is the prose of the turns a set names as its sources: their sentences, without code blocks.
A line of a reply is a fact, a line of the summary, or one sentence of a turn it shows. A content word of a sentence
counts as shown when one line holds it together with at least half of that sentence's content words: words that are
scattered over a reply count for nothing. A sentence counts as shown whole when one line holds four fifths of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from chat_memory.lab.evaluation.finding import Share
from chat_memory.prompts.coverage import FUNCTION_WORDS
from chat_memory.prompts.sentences import parse_lines, split_sentences
from chat_memory.prompts.words import words
from chat_memory.replies import Evidence, MemoryReply

TOGETHER = 0.5
"""Share of a sentence's content words that one line must hold for any of them to count."""
WHOLE = 0.8
"""Share of them from which on the sentence counts as shown whole."""


def read_words(text: str) -> frozenset[str]:
    """Read text as its content words."""
    return frozenset(words(text)) - FUNCTION_WORDS


def read_sentences(content: str) -> list[frozenset[str]]:
    """Read a turn's prose as the content words of its sentences; one without any is left out."""
    return [found for sentence in split_sentences(content) if (found := read_words(sentence))]


def list_lines(reply: MemoryReply) -> list[frozenset[str]]:
    """List what a reply holds, line by line, as content words."""
    turns = [turn.content for turn in reply.pending_turns] + [turn.text for turn in reply.recall or ()]
    facts = [
        f"{key} {value.value if isinstance(value, Evidence) else value}"
        for field in (reply.user_confirmed, reply.llm_inferred)
        for key, value in field.items()
    ]
    summary = [line.text for line in parse_lines(reply.general_summary)]
    return [read_words(line) for line in (*facts, *summary)] + [one for turn in turns for one in read_sentences(turn)]


@dataclass(frozen=True, slots=True)
class Score:
    """What of a question's evidence was shown: content words, and whole sentences."""

    words: Share
    sentences: Share

    @classmethod
    def of(cls, evidence: Iterable[Sequence[frozenset[str]]], lines: Sequence[frozenset[str]]) -> Self:
        """Score evidence, the sentences of each turn, against the lines of a reply."""
        sentences = [sentence for turn in evidence for sentence in turn]
        best = [max((len(sentence & line) for line in lines), default=0) for sentence in sentences]
        given = list(zip(best, map(len, sentences), strict=True))
        shown = sum(held for held, of in given if held >= TOGETHER * of)
        whole = sum(held >= WHOLE * of for held, of in given)
        return cls(Share(shown, sum(map(len, sentences))), Share(whole, len(sentences)))

    @property
    def recall(self) -> Share:
        """The question as one case: the share of its words that is shown, so every question weighs the same."""
        return Share(self.words.hits / self.words.of) if self.words.of else Share(0, 0)
