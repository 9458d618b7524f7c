"""pytest: what it takes to pass here."""

import pytest

from tests.rules.tree import Tree


def test_a_sound_test_passes(seedling: Tree) -> None:
    assert "1 passed" in seedling.run("scripts/test", "tests")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import warnings\ndef test_planted():\n    warnings.warn('planted')\n", "UserWarning: planted"),
        ("def test_planted():\n    open('pyproject.toml')\n", "ResourceWarning"),
        ("import pytest\n@pytest.mark.xfail\ndef test_planted():\n    pass\n", "[XPASS(strict)]"),
        ("import pytest\n@pytest.mark.planted\ndef test_planted():\n    pass\n", "'planted' not found in `markers`"),
        ("async def test_planted():\n    raise OSError('it ran')\n", "OSError: it ran"),
    ],
    ids=["warning", "resource", "xfail", "marker", "coroutine"],
)
def test_a_planted_test_fails(seedling: Tree, text: str, reason: str) -> None:
    seedling.plant("tests/test_planted.py", text)
    seen = seedling.run("scripts/test", "tests")
    assert reason in seen
    assert "exit code 0" not in seen
