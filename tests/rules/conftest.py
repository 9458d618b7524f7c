"""The copies of the tree that rules are broken in."""

from pathlib import Path

import pytest

from tests.rules.tree import PACKAGE, Tree, copy_tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """All of src, as it is."""
    return copy_tree(tmp_path / "tree", PACKAGE)


@pytest.fixture
def seedling(tmp_path: Path) -> Tree:
    """The package with its errors alone: enough for a slow check to say what it thinks of a planted file."""
    small = copy_tree(tmp_path / "tree", PACKAGE / "__init__.py", PACKAGE / "py.typed", PACKAGE / "errors.py")
    small.plant("tests/test_sound.py", "def test_sound() -> None:\n    assert True\n")
    return small
