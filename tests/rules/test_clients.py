"""Other people's programs: every one of them is run, exactly one version of it, and the documentation says which."""

import json
import re
import subprocess
import sys

import pytest

from tests.rules.tree import ROOT

PROGRAMS = ROOT / "tests" / "clients"
DATA = {"conversation.json", "package.json"}


def listed() -> dict[str, str]:
    """Return the programs that scripts/test-clients runs, and the version of each."""
    command = ["env", f"VENV={sys.prefix}", str(ROOT / "scripts" / "test-clients"), "--list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


def test_every_program_is_run_and_ci_runs_them() -> None:
    """A program of a kind that scripts/test_clients.py does not know would be a file nobody starts."""
    programs = {path.stem for path in PROGRAMS.iterdir() if path.is_file() and path.name not in DATA}
    assert programs == set(listed())
    assert "scripts/test-clients" in (ROOT / ".ci/run").read_text()


def test_the_documentation_names_every_program_and_its_version() -> None:
    table = re.findall(r"^\| `(\w+)` \| (.+?) \|", (ROOT / "docs/reference/clients.md").read_text(), re.MULTILINE)
    assert dict(table) == listed()


def test_node_packages_are_pinned() -> None:
    """A range would make today's failure somebody else's release of tonight."""
    pins = json.loads((PROGRAMS / "package.json").read_text())["dependencies"]
    assert {name: pin for name, pin in pins.items() if not re.fullmatch(r"\d+\.\d+\.\d+(-[a-z]+\.\d+)?", pin)} == {}


@pytest.mark.parametrize("name", sorted(path.name for path in PROGRAMS.glob("*.txt")))
def test_python_packages_are_pinned(name: str) -> None:
    """As above."""
    lines = (PROGRAMS / name).read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z-]+(\[[a-z]+\])?==\d+(\.\d+)+", line)] == []


def test_a_name_that_is_none_is_told_the_others() -> None:
    command = ["env", f"VENV={sys.prefix}", str(ROOT / "scripts" / "test-clients"), "nobody"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "no program is named nobody; there are claude_code, conformance," in done.stderr
