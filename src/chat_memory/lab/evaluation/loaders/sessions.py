"""Chats of two people over many sessions, as LoCoMo and REALTALK keep them: `session_1`, `session_2` and so on."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from chat_memory.lab.evaluation.loaders.chats import LongChat, Question, find_evidence
from chat_memory.lab.evaluation.loaders.files import parse
from chat_memory.models import Message

SESSION = re.compile(r"session_(\d+)")
TURN = re.compile(r"D:?(\d+):0*(\d+)")


class Said(BaseModel):
    """One turn: LoCoMo calls its text `text`, REALTALK `clean_text`. A picture is told by its caption."""

    speaker: str
    dia_id: str
    text: str = ""
    clean_text: str = ""
    blip_caption: str | None = None

    @property
    def content(self) -> str:
        """The turn as a member of a group would see it: who speaks, and what a picture shows."""
        picture = f" (a picture: {self.blip_caption})" if self.blip_caption else ""
        return f"{self.speaker}: {self.text or self.clean_text}{picture}"


class Asked(BaseModel):
    """One question. One without an answer is about what was never said, so no turn shows it."""

    question: str
    answer: object = None
    evidence: list[str] = Field(default_factory=list)
    category: object = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """A chat's sessions and questions, as they stand in a file."""

    id: str
    sessions: Mapping[str, Any]
    questions: object


def read_talk(path: Path, talk: Talk) -> LongChat:
    """Read a chat. Both are people, so both are users: the caller vouches for either's words.

    Raises:
        BrokenSetError: it is not as these sets are.
    """
    messages: list[Message] = []
    places: dict[tuple[int, int], int] = {}
    for said in _list_said(path, talk.sessions):
        if match := TURN.fullmatch(said.dia_id):
            places[int(match[1]), int(match[2])] = len(messages)
        messages.append(Message(role="user", content=said.content))
    asked = [
        Question(
            f"{talk.id}/{number}", each.question, str(each.category), find_evidence(";".join(each.evidence), places)
        )
        for number, each in enumerate(parse(path, list[Asked], talk.questions))
        if each.answer is not None
    ]
    return LongChat(talk.id, tuple(messages), tuple(question for question in asked if question.evidence))


def _list_said(path: Path, sessions: Mapping[str, Any]) -> Iterator[Said]:
    numbered = {int(match[1]): turns for name, turns in sessions.items() if (match := SESSION.fullmatch(name))}
    for number in sorted(numbered):
        yield from parse(path, list[Said], numbered[number])
