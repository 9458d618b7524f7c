"""Synthetic texts with marked personal data (microsoft/presidio-research): `*.json`, one list of texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from chat_memory.lab.evaluation.loaders.files import find_files, parse, read_json
from chat_memory.tools.placeholders import Kind

KINDS: Mapping[str, Kind] = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "US_SSN": "ssn",
    "IP_ADDRESS": "ip",
}
"""What the set calls our kinds; it marks more, such as names, that no pattern finds."""


class _Span(BaseModel):
    entity_type: str
    start_position: int
    end_position: int


class _Text(BaseModel):
    full_text: str
    spans: Sequence[_Span]


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch that is personal data of a kind of ours."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PersonalText:
    """A text of a set, named by its file and place, and its marks."""

    id: str
    text: str
    marks: tuple[Mark, ...]


def read(folder: Path) -> list[PersonalText]:
    """Read every text; those of the only file there is are named by their place alone.

    Raises:
        BrokenSetError: a file is none of these, or there is none.
    """
    paths = find_files(folder, "*.json*")
    texts: list[PersonalText] = []
    for path in paths:
        prefix = f"{path.name}/" if len(paths) > 1 else ""
        found = parse(path, list[_Text], read_json(path))
        texts += [_read_text(f"{prefix}{place}", text) for place, text in enumerate(found)]
    return texts


def _read_text(name: str, text: _Text) -> PersonalText:
    marks = (
        Mark(KINDS[span.entity_type], span.start_position, span.end_position)
        for span in text.spans
        if span.entity_type in KINDS
    )
    return PersonalText(name, text.full_text, tuple(marks))
