"""Errors: the docstring is the message, and every one says what to do next."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import chat_memory.errors as module
from chat_memory.errors import ChatMemoryError, TooLargeError

ERRORS = [error for _, error in inspect.getmembers(module, inspect.isclass) if issubclass(error, ChatMemoryError)]
SOURCE = Path(module.__file__)
FAMILIES = {error for error in ERRORS if error.__subclasses__()}


def test_the_docstring_is_the_message() -> None:
    error = TooLargeError(field="snippet", size=9, limit=5, remedy="split it")
    assert str(error) == "snippet is 9 bytes of UTF-8, the limit is 5: split it."
    assert error.facts["size"] == 9


def test_the_tree_on_top_of_the_file_is_the_tree_of_the_classes() -> None:
    """Drawn by hand, so checked: names in the drawing, in order of the code."""
    drawn = re.findall(r"\b(\w+Error)\b", (ast.get_docstring(ast.parse(SOURCE.read_text())) or ""))
    assert sorted(drawn) == sorted(error.__name__ for error in ERRORS)


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_named_and_worded_as_one(error: type[ChatMemoryError]) -> None:
    assert error.__name__.endswith("Error")
    assert error.__doc__
    assert "\n\n" not in inspect.cleandoc(error.__doc__)


@pytest.mark.parametrize("error", [error for error in ERRORS if error not in FAMILIES])
def test_every_error_is_raised_somewhere(error: type[ChatMemoryError]) -> None:
    """An error nobody raises is a promise nobody keeps."""
    code = [path.read_text() for path in SOURCE.parent.rglob("*.py") if path != SOURCE]
    assert any(re.search(rf"\b{error.__name__}\b", text) for text in code)
