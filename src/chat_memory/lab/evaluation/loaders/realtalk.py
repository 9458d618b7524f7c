"""REALTALK (danny911kr/REALTALK): chats two people really had over three weeks, a file `Chat_*.json` each."""

from pathlib import Path
from typing import Any

from chat_memory.lab.evaluation.loaders.chats import LongChat
from chat_memory.lab.evaluation.loaders.files import find_files, parse, read_json
from chat_memory.lab.evaluation.loaders.sessions import Talk, read_talk


def read(folder: Path) -> list[LongChat]:
    """Read `Chat_*.json`: sessions and questions side by side, evidence as LoCoMo names it.

    Raises:
        BrokenSetError: one of them is no such file, or there is none.
    """
    return [_read_chat(path) for path in find_files(folder, "Chat_*.json*")]


def _read_chat(path: Path) -> LongChat:
    read = parse(path, dict[str, Any], read_json(path))
    return read_talk(path, Talk(path.name.partition(".json")[0], read, read.get("qa", [])))
