"""Ruff: what a file of this house does not do."""

import pytest

from tests.rules.tree import Tree

BRANCHES = "".join(f"    if number == {value}:\n        return {value + 1}\n" for value in range(8))
STATEMENTS = "".join(f"    total += {value}\n" for value in range(1, 27))


def test_the_tree_as_it_is_passes(tree: Tree) -> None:
    assert "ruff: passed" in tree.check("ruff")
    assert "format: passed" in tree.check("format")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("import asyncio\n\nLOOP = asyncio.Lock()\n", "TID251 `asyncio` is banned"),
        ("import os\n\nHOME = os.environ\n", "TID251 `os.environ` is banned"),
        ("import os\n\nHOME = os.environb\n", "TID251 `os.environb` is banned"),
        ("import os\n\nHOME = os.getenv('HOME')\n", "TID251 `os.getenv` is banned"),
        ("from os import environ\n\nHOME = environ\n", "TID251 `os.environ` is banned"),
        ("import time\n\ntime.sleep(1)\n", "TID251 `time.sleep` is banned"),
        ("def planted() -> int:\n    import json\n\n    return len(json.dumps({}))\n", "PLC0415"),
        (f"def planted(number: int) -> int:\n{BRANCHES}    return 0\n", "C901"),
        (f"def planted(total: int) -> int:\n{STATEMENTS}    return total\n", "PLR0915"),
        ("print('planted')\n", "T201"),
    ],
)
def test_a_planted_habit_is_refused(tree: Tree, text: str, rule: str) -> None:
    tree.plant("src/chat_memory/tools/planted.py", f'"""Planted."""\n\n{text}')
    seen = tree.check("ruff")
    assert rule in seen
    assert "planted.py" in seen
    assert seen.endswith("exit code 1")


def test_the_environment_is_not_read_by_tests_either(tree: Tree) -> None:
    tree.plant("tests/tools/test_planted.py", "import os\n\n\ndef test_it() -> None:\n    assert os.environ\n")
    assert "TID251 `os.environ` is banned" in tree.check("ruff")


def test_a_file_out_of_format_is_refused(tree: Tree) -> None:
    tree.plant("src/chat_memory/tools/planted.py", '"""Planted."""\nNUMBERS = [1,\n2]\n')
    seen = tree.check("format")
    assert "planted.py" in seen
    assert seen.endswith("exit code 1")
