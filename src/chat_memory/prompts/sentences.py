"""Turns as sentences, and the lines a summary keeps them in: `[<seq>] <role>: <sentence>`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_BREAK = re.compile(
    r"\n+|(?<=[。！？])"  # noqa: RUF001
    r"|(?<!\n\d\.)(?<!\n\d\d\.)(?<!\b[A-Z]\.)(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bSt\.)(?<!\bvs\.)(?<!\be\.g\.)(?<!\bi\.e\.)"
    r"(?<=[.!?…])\s{1,4}"
)
_BULLET = re.compile(r"^(?:[-*•>#]+|\d{1,3}[.)])\s+")
_EMPHASIS = re.compile(r"\*\*|__")
_LINE = re.compile(r"\[(\d{1,12})\] (user|assistant|tool|system|note): (\S.*)")
_NUMBER = re.compile(r"^\[\d{1,12}\](?= (?:user|assistant|tool|system|note): )", re.MULTILINE)

TURN_SENTENCES = 300
"""Most sentences of one turn that are considered: half from its beginning, half from its end."""
SENTENCE_CHARS = 2000
"""Longest sentence that is read, characters; the rest of it is not considered."""


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of a summary: which turn it is from (0: of another chat, or unknown) and who wrote that turn."""

    seq: int
    role: str
    text: str

    def __str__(self) -> str:
        """Write the line as the summary holds it."""
        return f"[{self.seq}] {self.role}: {self.text}" if self.role else self.text


def strip_code(content: str) -> str:
    """Take fenced code out of a turn."""
    return _FENCE.sub("\n", content) if "```" in content else content


def split_sentences(content: str) -> list[str]:
    """Split a turn into single-line sentences, without code blocks and list marks; at most `TURN_SENTENCES`."""
    pieces = [piece for piece in _BREAK.split(strip_code(f"\n{content}")) if piece]
    if len(pieces) > TURN_SENTENCES:
        pieces = pieces[: TURN_SENTENCES // 2] + pieces[-TURN_SENTENCES // 2 :]
    flat = (" ".join(piece[:SENTENCE_CHARS].split()) for piece in pieces)
    bare = (_EMPHASIS.sub("", _BULLET.sub("", sentence)) for sentence in flat)
    return [sentence for sentence in bare if any(sign.isalnum() for sign in sentence)]


def parse_lines(summary: str) -> list[Line]:
    """Read a summary back as lines; one that another summarizer wrote keeps its words, with seq 0."""
    return [_parse_line(line) for line in summary.split("\n") if line.strip()]


def write_lines(lines: Iterable[Line]) -> str:
    """Write lines as a summary, in the order of their turns."""
    return "\n".join(str(line) for line in sorted(lines, key=lambda line: line.seq))


def take_from_before(summary: str) -> str:
    """Renumber the lines of another chat's summary: its turns are none of this chat's, and older than all of them."""
    return _NUMBER.sub("[0]", summary)


def _parse_line(line: str) -> Line:
    match = _LINE.fullmatch(line)
    return Line(int(match[1]), match[2], match[3]) if match else Line(0, "", line.strip())
