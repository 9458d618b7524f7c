"""LoCoMo (snap-research/locomo): ten very long chats of two people, `locomo10.json`."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from chat_memory.lab.evaluation.loaders.chats import LongChat
from chat_memory.lab.evaluation.loaders.files import find_files, parse, read_json
from chat_memory.lab.evaluation.loaders.sessions import Talk, read_talk


class Sample(BaseModel):
    """One chat with its questions."""

    sample_id: str
    conversation: dict[str, Any]
    qa: object


def read(folder: Path) -> list[LongChat]:
    """Read `locomo*.json`: a question's `evidence` are ids of turns, `D3:14` being turn 14 of session 3.

    Raises:
        BrokenSetError: it is no such file, or there is none.
    """
    chats: list[LongChat] = []
    for path in find_files(folder, "locomo*.json*"):
        samples = parse(path, list[Sample], read_json(path))
        chats += [read_talk(path, Talk(each.sample_id, each.conversation, each.qa)) for each in samples]
    return chats
