"""LongMemEval (xiaowu0162/LongMemEval): 500 questions, each after a history of its own, `longmemeval_*.json`."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from chat_memory.lab.evaluation.loaders.chats import LongChat, Question
from chat_memory.lab.evaluation.loaders.files import find_files, parse, read_json
from chat_memory.models import Message, Role

KINDS = ("longmemeval_s*.json*", "longmemeval_oracle*.json*", "longmemeval_m*.json*")
"""The same questions with some 40, only the answering, and some 500 sessions: the first that is there is read."""
ABSTENTION = "_abs"
"""Ends the id of a question about what was never said: no turn shows it."""


class Said(BaseModel):
    """One turn; `has_answer` marks those that answer the question."""

    role: Role
    content: str
    has_answer: bool | None = False


class Instance(BaseModel):
    """One question and its history."""

    question_id: str
    question_type: str
    question: str
    haystack_sessions: list[list[Said]]


def read(folder: Path) -> list[LongChat]:
    """Read one `longmemeval_*.json`; a chat for each question that some turn answers.

    Raises:
        BrokenSetError: it is no such file, or there is none.
    """
    path = next(iter(find_files(folder, *KINDS)))
    return list(_list_chats(parse(path, list[Instance], read_json(path))))


def _list_chats(instances: list[Instance]) -> Iterator[LongChat]:
    for instance in instances:
        said = [turn for session in instance.haystack_sessions for turn in session]
        evidence = tuple(place for place, turn in enumerate(said) if turn.has_answer)
        if evidence and not instance.question_id.endswith(ABSTENTION):
            messages = tuple(Message(role=turn.role, content=turn.content) for turn in said)
            question = Question(instance.question_id, instance.question, instance.question_type, evidence)
            yield LongChat(instance.question_id, messages, (question,))
