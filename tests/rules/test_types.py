"""mypy and pyright: both strict, on sources and on tests."""

import pytest

from tests.rules.tree import Tree


@pytest.mark.parametrize(
    ("check", "untyped", "mistyped"),
    [("mypy", "[no-untyped-def]", "[assignment]"), ("pyright", "reportMissingParameterType", "reportAssignmentType")],
)
def test_planted_type_errors_are_refused(seedling: Tree, check: str, untyped: str, mistyped: str) -> None:
    """Missing types in sources, which only strict refuses, and a wrong one in a test."""
    seedling.plant("src/chat_memory/planted.py", '"""Planted."""\n\n\ndef planted(number):\n    return number\n')
    seedling.plant("tests/test_planted.py", 'NUMBER: int = "one"\n')
    seen = seedling.check(check)
    assert "chat_memory/planted.py" in seen
    assert untyped in seen
    assert "tests/test_planted.py" in seen
    assert mistyped in seen
    assert "errors.py" not in seen
    assert seen.endswith("exit code 1")
