"""pytest: what it takes to pass here."""

import pytest

from tests.rules.tree import ROOT, Tree


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


NEEDS_BENCH = "import pytest\n@pytest.mark.needs_bench\ndef test_planted():\n    "


def test_what_needs_the_extra_is_run_where_it_is_and_nowhere_skipped(seedling: Tree) -> None:
    """Fails without the `-m` in pyproject.toml, or in scripts/test-bench: half of the tests would run nowhere."""
    seedling.plant("tests/test_planted.py", f"{NEEDS_BENCH}pass\n")
    assert "1 passed in" in (seen := seedling.run("scripts/test", "tests/test_planted.py", "tests/test_sound.py"))
    assert "skipped" not in seen
    seen = seedling.run("scripts/test-bench", "tests/test_planted.py", ci="1")
    assert "1 passed in" in seen
    assert seen.endswith("exit code 0")
    assert "\nscripts/test-bench\n" in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("1", 1)])
def test_ci_does_not_let_a_test_of_the_extra_be_skipped(seedling: Tree, ci: str, code: int) -> None:
    """Fails without the last line of scripts/test-bench: an absent peer would be as good as one that works."""
    seedling.plant("tests/test_planted.py", f"{NEEDS_BENCH}pytest.skip('planted')\n")
    seen = seedling.run("scripts/test-bench", "tests", ci=ci)
    assert "1 skipped" in seen
    assert ("A test was skipped" in seen) == bool(code)
    assert seen.endswith(f"exit code {code}")
