"""BEAM (mohammadtavakoli78/BEAM): long chats with an assistant, a folder each, and probing questions of ten kinds."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel, Field

from chat_memory.lab.evaluation.loaders.chats import LongChat, Question
from chat_memory.lab.evaluation.loaders.files import find_files, parse, read_json
from chat_memory.models import Message, Role

MARK = re.compile(r"\s*->->[\s\d,NA/]*\Z")
"""What the authors wrote behind a message: its place in their plan. Nobody said it."""

Ids: TypeAlias = list[int | list[int]]


class Said(BaseModel):
    """One message."""

    role: Role
    id: int
    content: str


class Batch(BaseModel):
    """Part of a chat: turns of several messages."""

    turns: list[list[Said]]


class Probe(BaseModel):
    """One question; `source_chat_ids` are ids of messages, some in lists. Without any nothing answers it."""

    question: str
    source_chat_ids: Ids | dict[str, Ids] = Field(default_factory=list[int | list[int]])

    @property
    def sources(self) -> list[int]:
        """The ids in one list."""
        given = self.source_chat_ids
        listed = list(chain.from_iterable(given.values())) if isinstance(given, dict) else given
        return [one for ids in listed for one in (ids if isinstance(ids, list) else [ids])]


def read(folder: Path) -> list[LongChat]:
    """Read `<chat>/chat.json` and `<chat>/probing_questions.json` of each chat; its id is its folder's name.

    Raises:
        BrokenSetError: a file is not as these are, or there is none.
    """
    return [_read_chat(path) for path in find_files(folder, "*/chat.json*")]


def _read_chat(path: Path) -> LongChat:
    batches = parse(path, list[Batch], read_json(path))
    said = [message for batch in batches for turn in batch.turns for message in turn]
    places = {message.id: place for place, message in enumerate(said)}
    messages = tuple(Message(role=message.role, content=MARK.sub("", message.content)) for message in said)
    (questions,) = find_files(path.parent, "probing_questions.json*")
    return LongChat(path.parent.name, messages, tuple(_read_questions(questions, path.parent.name, places)))


def _read_questions(path: Path, chat: str, places: dict[int, int]) -> Iterator[Question]:
    for kind, probes in parse(path, dict[str, list[Probe]], read_json(path)).items():
        for number, probe in enumerate(probes):
            evidence = tuple(sorted({places[source] for source in probe.sources if source in places}))
            if evidence:
                yield Question(f"{chat}/{kind}/{number}", probe.question, kind, evidence)
