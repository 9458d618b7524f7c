"""Indirect prompt injections of BIPIA (microsoft/BIPIA, benchmark): `text_attack_*.json`, strings by category."""

from collections.abc import Iterator
from pathlib import Path

from chat_memory.lab.evaluation.loaders.files import find_files, parse, read_json

KINDS = ("text_attack_*.json*", "code_attack_*.json*")


def read(folder: Path) -> list[str]:
    """Read every string, each once, in the order of the files; a string is its own id.

    Raises:
        BrokenSetError: a file is none of these, or there is none.
    """
    return list(dict.fromkeys(text for path in find_files(folder, *KINDS) for text in _read_file(path)))


def _read_file(path: Path) -> Iterator[str]:
    for texts in parse(path, dict[str, list[str]], read_json(path)).values():
        yield from texts
