"""What may be in the tree, and how large."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.rules.tree import PACKAGE, ROOT

# Built from parts: a file that names what is forbidden would be found by its own search.
HOSTS = (("pypi", "org"), ("python", "hosted"), ("registry", "npmjs"), ("npmjs", "com"), ("deb", "debian"))
HOMES = ("root", "home/[a-z]+", "Users/[A-Za-z]+", "work")
FORBIDDEN = re.compile("|".join([*(r"\.?".join(host) for host in HOSTS), f"/({'|'.join(HOMES)})/"]))

MODULE_LINES = 300
"""One sitting."""
README_LINES = 120


def tracked() -> list[str]:
    """Return the files that git tracks or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def forbidden(root: Path, names: Iterable[str]) -> list[str]:
    """Return the lines that name a package registry's host or a path of some machine."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name in names
        for number, line in enumerate((root / name).read_text(errors="ignore").splitlines(), 1)
        if FORBIDDEN.search(line)
    ]


def project() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def dependencies() -> list[str]:
    """Return the direct requirements, of the package and of its developers."""
    read = project()
    of_package = read["tool"]["hatch"]["metadata"]["hooks"]["custom"]
    extra = read["project"]["optional-dependencies"]["bench"]
    return [*of_package["always"], *of_package["embedded"], *extra, *read["dependency-groups"]["dev"]]


def test_no_tracked_file_names_a_registry_host_or_a_path_of_a_machine() -> None:
    assert not forbidden(ROOT, tracked())


@pytest.mark.parametrize("parts", [*HOSTS, ("/home", "/ann/x"), ("/ro", "ot/x"), ("/wo", "rk/x"), ("/Users", "/Ann/x")])
def test_the_search_finds_a_planted_one(tmp_path: Path, parts: tuple[str, str]) -> None:
    joint = "." if parts in HOSTS else ""
    (tmp_path / "planted.txt").write_text(f"fine\nurl = {joint.join(parts)}/simple\n")
    assert len(forbidden(tmp_path, ["planted.txt"])) == 1


@pytest.mark.parametrize("name", ["uv.lock", ".venv/bin/python", ".venv-3.12/bin/python", ".venv.lock"])
def test_git_ignores_what_a_machine_makes(name: str) -> None:
    assert subprocess.run(["git", "check-ignore", "--quiet", name], cwd=ROOT, check=False).returncode == 0


def test_constraints_are_versions_only() -> None:
    pinned = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*==[\w.]+( ; [\w .<>=!'()]+)?")
    assert [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not pinned.fullmatch(line)] == []


@pytest.mark.parametrize("requirement", dependencies())
def test_a_dependency_has_its_major_capped_and_its_version_pinned(requirement: str) -> None:
    """The cap is for users, the pin for us: scripts/constraints writes it."""
    named = re.match(r"([\w-]+)(\[\w+\])?>=[\w.]+,<\d", requirement)
    assert named, requirement
    assert re.search(rf"^{named[1]}==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)


def count_lines(text: str) -> int:
    """Count the lines of a module that are read: a class that is only its message counts as one, not as four."""
    module = ast.parse(text)
    messages = [node for node in module.body if isinstance(node, ast.ClassDef) and len(node.body) == 1]
    bare = [node for node in messages if ast.get_docstring(node) is not None]
    return len(text.splitlines()) - (ast.get_docstring(module) or "").count("\n") - 3 * len(bare)


def test_a_module_is_read_in_one_sitting() -> None:
    """Less the text on top of it, and an error is one line: both are looked at, not read."""
    modules = {module: module.read_text() for module in (ROOT / PACKAGE).rglob("*.py")}
    lengths = {str(module.relative_to(ROOT)): count_lines(text) for module, text in modules.items()}
    assert {name: length for name, length in lengths.items() if length > MODULE_LINES} == {}


def test_the_readme_is_short_and_names_the_commands_that_are_checked() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= README_LINES
    for command in ("scripts/demo", "scripts/test"):
        assert command in readme
        assert command in (ROOT / ".ci/run").read_text()
