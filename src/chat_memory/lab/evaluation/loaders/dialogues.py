"""Dialogues of one's own: `*.jsonl`, each line `{"id": ..., "messages": [{"role": ..., "content": ...}]}`."""

from pathlib import Path

from pydantic import BaseModel

from chat_memory.lab.evaluation.loaders.files import find_files, parse, read_json_lines
from chat_memory.models import Message


class Dialogue(BaseModel):
    """A short chat, as it was said."""

    id: str
    messages: list[Message]


def read(folder: Path) -> list[Dialogue]:
    """Read every line of every file.

    Raises:
        BrokenSetError: one is none of these, or there is none.
    """
    return [parse(path, Dialogue, line) for path in find_files(folder, "*.jsonl*") for line in read_json_lines(path)]
