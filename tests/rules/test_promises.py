"""docs/promises.md: every promise names the tests that hold it, or says "not yet"."""

import ast
import re

from tests.rules.tree import ROOT

PROMISES = ROOT / "docs" / "promises.md"
COUNT = 8
"""The promises of the design."""
NAMED = re.compile(r"`(tests/[\w./-]+\.py)::(\w+)`")


def test_every_promise_has_a_row_with_tests_or_not_yet() -> None:
    rows = re.findall(r"^\|\s*\**(\d+)\b(.*)$", PROMISES.read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, COUNT + 1))
    assert [number for number, row in rows if not NAMED.search(row) and "not yet" not in row] == []


def test_every_test_that_holds_a_promise_exists() -> None:
    named = NAMED.findall(PROMISES.read_text())
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in names_of_tests(path)] == []


def test_nothing_else_in_backticks_looks_like_a_test() -> None:
    """A name written another way would not be checked."""
    text = PROMISES.read_text()
    assert text.count("::") == len(NAMED.findall(text))


def names_of_tests(path: str) -> set[str]:
    """Return the names of the test functions in a file, none when there is no such file."""
    if not (ROOT / path).is_file():
        return set()
    nodes = ast.walk(ast.parse((ROOT / path).read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
