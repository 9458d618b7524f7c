"""The mutants: each of them can be planted in the tree as it is, and the tests that must notice it exist."""

import importlib.util
import subprocess
import sys
from types import ModuleType

from tests.rules.test_promises import names_of_tests
from tests.rules.tree import PACKAGE, ROOT, Tree


def load() -> ModuleType:
    """Return scripts/run_mutants.py as a module."""
    spec = importlib.util.spec_from_file_location("run_mutants", ROOT / "scripts" / "run_mutants.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


MUTANTS = load().read_mutants()


def test_every_mutant_can_be_planted(tree: Tree) -> None:
    """Code moves: a mutant whose text is gone would prove nothing. Fails with the text that is not found."""
    for mutant in MUTANTS:
        mutant.apply(tree.root)
        mutant.withdraw(tree.root)
    assert (tree.root / PACKAGE / "worker.py").read_text() == (ROOT / PACKAGE / "worker.py").read_text()


def test_every_mutant_names_tests_that_exist() -> None:
    """A file as a whole, or a test of one."""
    for mutant in MUTANTS:
        for test in mutant.tests:
            path, _, name = test.partition("::")
            assert (ROOT / path).is_file(), mutant.name
            assert not name or name in names_of_tests(path), mutant.name


def test_no_two_mutants_bear_one_name_and_ci_runs_the_short_ones() -> None:
    """Names are what --only finds."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert any(mutant.short for mutant in MUTANTS)
    assert "scripts/mutants --short" in (ROOT / ".ci/run").read_text()


SURVIVOR = """
[[mutant]]
name = "a word in a docstring"
tests = ["tests/test_errors.py"]
[[mutant.edit]]
file = "src/chat_memory/worker.py"
old = "The caller that never sleeps"
new = "The caller that sleeps"

[[mutant]]
name = "code that has moved"
tests = ["tests/test_errors.py"]
[[mutant.edit]]
file = "src/chat_memory/worker.py"
old = "no such line"
new = ""
"""


def test_a_survivor_and_a_stale_mutant_are_errors(tree: Tree) -> None:
    """Without `lines[-1]` in judge a mutant that no test noticed would pass for caught."""
    tree.plant("tests/mutants/mutants.toml", SURVIVOR)
    tree.plant("tests/test_errors.py", "def test_sound() -> None:\n    pass\n")
    tree.plant("docs/empty.md", "")
    seen = tree.run("scripts/mutants")
    assert "NOT CAUGHT: a word in a docstring" in seen
    assert "holds 0 times: no such line" in seen
    assert "0 of 2 mutants caught" in seen
    assert seen.endswith("exit code 1")


def test_a_name_that_fits_none_is_told_so() -> None:
    """Rather than to run nothing and be content."""
    command = ["env", f"VENV={sys.prefix}", str(ROOT / "scripts" / "mutants"), "--only", "no such name"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "no mutant's name holds 'no such name'" in done.stderr
