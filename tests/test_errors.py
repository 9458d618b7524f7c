"""Errors: the docstring is the message, and every one says what to do next."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import chat_memory.errors
import chat_memory.lab.errors
from chat_memory.errors import ChatMemoryError, TooLargeError

MODULES = (chat_memory.errors, chat_memory.lab.errors)
ERRORS = sorted(
    {
        error
        for module in MODULES
        for _, error in inspect.getmembers(module, inspect.isclass)
        if issubclass(error, ChatMemoryError)
    },
    key=lambda error: error.__name__,
)
SOURCES = [Path(str(module.__file__)) for module in MODULES]
FAMILIES = {error for error in ERRORS if error.__subclasses__()}


def test_the_docstring_is_the_message() -> None:
    error = TooLargeError(field="snippet", size=9, limit=5, remedy="split it")
    assert str(error) == "snippet is 9 bytes of UTF-8, the limit is 5: split it."
    assert error.facts["size"] == 9


def test_the_tree_on_top_of_the_file_is_the_tree_of_the_classes() -> None:
    """Drawn by hand, so checked: names in the drawing, in order of the code."""
    trees = [ast.get_docstring(ast.parse(source.read_text())) or "" for source in SOURCES]
    drawn = {name for tree in trees for name in re.findall(r"\b(\w+Error)\b", tree)}
    assert sorted(drawn) == [error.__name__ for error in ERRORS]


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_named_and_worded_as_one(error: type[ChatMemoryError]) -> None:
    assert error.__name__.endswith("Error")
    assert error.__doc__
    assert "\n\n" not in inspect.cleandoc(error.__doc__)


@pytest.mark.parametrize("error", [error for error in ERRORS if error not in FAMILIES])
def test_every_error_is_raised_somewhere(error: type[ChatMemoryError]) -> None:
    """An error nobody raises is a promise nobody keeps."""
    code = [path.read_text() for path in SOURCES[0].parent.rglob("*.py") if path not in SOURCES]
    assert any(re.search(rf"\b{error.__name__}\b", text) for text in code)
