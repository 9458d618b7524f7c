"""Files of sets as they are found: plain, or compressed by gzip or into a zip of their own."""

import gzip
import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chat_memory.lab.errors import BrokenSetError


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
    return _parse(path, read_text(path))


def read_json_lines(path: Path) -> Iterator[Any]:
    """Read a file that holds one JSON value a line.

    Raises:
        BrokenSetError: a line is none.
    """
    for line in read_text(path).split("\n"):  # not splitlines: JSON may hold other line breaks
        if line.strip():
            yield _parse(path, line)


def _parse(path: Path, text: str) -> Any:  # noqa: ANN401 - whatever stands there
    try:
        return json.loads(text)
    except ValueError as error:
        raise BrokenSetError(file=path.name, problem=f"it is not JSON ({error})") from None
