"""The scripts: a Python is picked by running it, an environment is current only for what it was made from."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from tests.rules.tree import ROOT, Tree


def load(tree: Tree) -> ModuleType:
    """Return the copy's make_environment as a module."""
    spec = importlib.util.spec_from_file_location("make_environment", tree.root / "scripts" / "make_environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def find_python(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/find-python with this PATH, and no pyenv."""
    command = ["env", f"PATH={path}", "PYENV_ROOT=/nowhere", str(ROOT / "scripts" / "find-python"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def program(path: Path, text: str) -> None:
    """Write an executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_python_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    """Shims of pyenv are such."""
    program(tmp_path / "python3.13", "echo 'python3.13: command not found' >&2; exit 127")
    program(tmp_path / "python3.12", f'exec "{sys.executable}" "$@"')
    assert find_python(f"{tmp_path}:/usr/bin:/bin").stdout.strip() == sys.executable


def test_no_python_is_said_in_words(tmp_path: Path) -> None:
    program(tmp_path / "python3", "exit 127")
    found = find_python(str(tmp_path), "3.99")
    assert found.returncode == 1
    assert found.stderr == "No Python 3.99 that runs was found.\n"


def test_an_environment_is_current_until_what_it_was_made_from_changes(seedling: Tree) -> None:
    folder = seedling.root / ".venv"
    folder.mkdir()
    assert not load(seedling).is_current(folder)
    (folder / load(seedling).STAMP).write_text(load(seedling).wanted())
    assert load(seedling).is_current(folder)
    seedling.plant("constraints.txt", "anyio==4.9.0\n")
    assert not load(seedling).is_current(folder)


def test_changing_how_we_check_does_not_remake_the_environment(seedling: Tree) -> None:
    before = load(seedling).wanted()
    text = (seedling.root / "pyproject.toml").read_text()
    seedling.plant("pyproject.toml", text.replace("line-length = 120", "line-length = 100"))
    assert load(seedling).wanted() == before
    seedling.plant("pyproject.toml", text.replace('"anyio>=', '"trio>=1,<2", "anyio>='))
    assert load(seedling).wanted() != before


def test_an_unknown_check_is_refused(seedling: Tree) -> None:
    seen = seedling.check("speling")
    assert "There is no check named speling." in seen
    assert seen.endswith("exit code 1")
