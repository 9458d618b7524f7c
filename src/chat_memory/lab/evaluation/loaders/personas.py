"""Persona summaries of the Multi-Session Chat (facebookresearch/ParlAI, projects/msc): `session_*.jsonl`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from chat_memory.lab.evaluation.loaders.files import find_files, parse, read_json_lines
from chat_memory.models import Message

KINDS = ("session_*.jsonl*", "session_*/*.txt*", "session_*/*.jsonl*")
"""As exported, and as ParlAI unpacks them: a folder for each session, a file for each split."""


class Said(BaseModel):
    """One turn; the speakers alternate. `persona_text` is what a reader noted of its speaker."""

    text: str
    persona_text: str = ""


class Episode(BaseModel):
    """One session of a pair of speakers."""

    initial_data_id: str
    dialog: list[Said]


@dataclass(frozen=True, slots=True)
class PersonaChat:
    """A session: its first speaker is the user. `lines` are what a reader noted of the user, by place from 0.

    `pair` names the speakers, who meet again in other sessions: it decides which half all of them are in.
    """

    id: str
    pair: str
    messages: tuple[Message, ...]
    lines: dict[int, str]


def read(folder: Path) -> list[PersonaChat]:
    """Read every session.

    Raises:
        BrokenSetError: a file is none of these, or there is none.
    """
    return [chat for path in find_files(folder, *KINDS) for chat in _read_file(folder, path)]


def _read_file(folder: Path, path: Path) -> Iterator[PersonaChat]:
    name = str(path.relative_to(folder))
    for value in read_json_lines(path):
        episode = parse(path, Episode, value)
        users = [place % 2 == 0 for place in range(len(episode.dialog))]
        said = list(zip(users, episode.dialog, strict=True))
        messages = tuple(Message(role="user" if user else "assistant", content=turn.text) for user, turn in said)
        lines = {place: turn.persona_text for place, (user, turn) in enumerate(said) if user and turn.persona_text}
        yield PersonaChat(f"{name}/{episode.initial_data_id}", episode.initial_data_id, messages, lines)
