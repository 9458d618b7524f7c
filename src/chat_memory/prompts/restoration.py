"""Lines that left a summary, taken back as far as there is room."""

from collections.abc import Collection, Iterable, Iterator

from chat_memory.models import Fact
from chat_memory.prompts.sentences import Line, parse_lines, split_sentences, write_lines
from chat_memory.prompts.tokens import count_tokens
from chat_memory.prompts.words import content_words

KEPT = 0.5
"""Of a sentence with at least this share of its words in what stands, enough is left: it does not come back."""


def choose_lines_back(past: str, summary: str, facts: Iterable[Fact], room: int) -> str:
    """Add to a summary the lines of a past one that left it, in the order of their turns, as far as `room` tokens go.

    Prose is rewritten from fold to fold: only sentences of which little is left come back.
    """
    standing = summary.splitlines()
    told = [*standing, *(text for fact in facts for text in (fact.key, fact.value))]
    vocabulary = {word for text in told for word in content_words(text)}
    left = [line for line in _pieces(past) if str(line) not in standing and not _is_left(line, vocabulary)]
    room -= count_tokens(summary)
    back: list[Line] = []
    for line in left:
        room -= count_tokens(str(line)) + 1
        if room >= 0:
            back.append(line)
    return write_lines([*back, *parse_lines(summary)]) if back else summary


def _pieces(summary: str) -> Iterator[Line]:
    for line in parse_lines(summary):
        if line.seq:
            yield line
        else:
            yield from (Line(0, "", sentence) for sentence in split_sentences(line.text))


def _is_left(line: Line, vocabulary: Collection[str]) -> bool:
    """Tell whether most of a sentence still stands; a line that names its turn stands whole or not at all."""
    told = content_words(line.text)
    return line.seq == 0 and sum(word in vocabulary for word in told) >= KEPT * len(told)
