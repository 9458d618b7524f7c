"""Files of sets as they are found: plain, or compressed by gzip or into a zip of their own."""

import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from chat_memory.lab.errors import BrokenSetError

Shape = TypeVar("Shape")
NUMBERED = re.compile(r"(\D*)(\d*)")


def find_files(folder: Path, *patterns: str) -> list[Path]:
    """List the files of a set: those of each pattern in the order of their names, or of the numbers in them.

    Raises:
        BrokenSetError: there is none.
    """
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern), key=_by_number)]
    if not found:
        raise BrokenSetError(file=folder.name, problem=f"no file {' or '.join(patterns)} is in it")
    return found


def read_text(path: Path) -> str:
    """Read a text file, `.gz` and `.zip` unpacked.

    Raises:
        BrokenSetError: it cannot be read.
    """
    try:
        if path.suffix == ".gz":
            return gzip.decompress(path.read_bytes()).decode()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as packed:
                return packed.read(packed.namelist()[0]).decode()
        return path.read_text("utf-8")
    except OSError as error:
        raise BrokenSetError(file=path.name, problem=error.strerror or str(error)) from None
    except (UnicodeDecodeError, EOFError, zlib.error, zipfile.BadZipFile, IndexError) as error:
        raise BrokenSetError(file=path.name, problem=f"it cannot be unpacked ({type(error).__name__})") from None


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever stands there
    """Read a file that holds one JSON value.

    Raises:
        BrokenSetError: it holds none.
    """
    return _load(path, read_text(path))


def read_json_lines(path: Path) -> Iterator[Any]:
    """Read a file that holds one JSON value a line.

    Raises:
        BrokenSetError: a line is none.
    """
    for line in read_text(path).split("\n"):  # not splitlines: JSON may hold other line breaks
        if line.strip():
            yield _load(path, line)


def parse(path: Path, shape: type[Shape], value: object) -> Shape:
    """Take a value of a file as what it should be.

    Raises:
        BrokenSetError: it is something else; the first place that differs is named.
    """
    try:
        return TypeAdapter(shape).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BrokenSetError(file=path.name, problem=f"{place}: {first['msg'].lower()}") from None


def _by_number(path: Path) -> list[tuple[int, str]]:
    return [(int(digits or 0), text) for text, digits in NUMBERED.findall(str(path))]


def _load(path: Path, text: str) -> Any:  # noqa: ANN401 - whatever stands there
    try:
        return json.loads(text)
    except ValueError as error:
        raise BrokenSetError(file=path.name, problem=f"it is not JSON ({error})") from None
