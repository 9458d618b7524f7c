"""What loaders of long chats give: what was said, and questions with the turns that answer them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chat_memory.models import Message

REFERENCE = re.compile(r"D:?(\d+):0*(\d+)(\s*-\s*(?=D))?")
"""A turn of a session, `D3:14`; two of them with a dash between are all turns from one to the other."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a set: `evidence` names the messages that answer it, by place from 0; at least one."""

    id: str
    text: str
    kind: str
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LongChat:
    """A chat of a set; its id decides which half it is in."""

    id: str
    messages: tuple[Message, ...]
    questions: tuple[Question, ...]


def find_evidence(references: str, places: Mapping[tuple[int, int], int]) -> tuple[int, ...]:
    """Read references to turns as annotators wrote them, `D1:3; D2:4-D2:6`; what names no turn is left out."""
    found = {places[turn] for turn in _name_turns(references) if turn in places}
    return tuple(sorted(found))


def _name_turns(references: str) -> Iterator[tuple[int, int]]:
    first: tuple[int, int] | None = None
    for match in REFERENCE.finditer(references):
        session, turn = int(match[1]), int(match[2])
        if first is not None and first[0] == session:
            yield from ((session, number) for number in range(first[1], turn))
        yield session, turn
        first = (session, turn) if match[3] else None
