"""The .mcpb bundle: its manifest says what the code says. Packing and running it is scripts/bundle's own proof."""

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chat_memory import __version__
from chat_memory.server.catalogue import CATALOGUE
from tests.rules.tree import ROOT


def load() -> ModuleType:
    """Return scripts/make_bundle.py as a module."""
    spec = importlib.util.spec_from_file_location("make_bundle", ROOT / "scripts" / "make_bundle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def manifest() -> dict[str, Any]:
    """The manifest as it would be packed now."""
    made: dict[str, Any] = load().manifest()
    return made


def test_the_manifest_lists_every_tool_of_this_version_with_its_first_line(manifest: dict[str, Any]) -> None:
    assert manifest["version"] == __version__
    assert [tool["name"] for tool in manifest["tools"]] == list(CATALOGUE)
    for tool in manifest["tools"]:
        assert tool["description"].endswith(".")
        assert (CATALOGUE[tool["name"]].shown.description or "").startswith(tool["description"])


def test_an_option_left_empty_reaches_the_server_as_nothing(manifest: dict[str, Any]) -> None:
    """Fails without `default` in form_field: a host then passes the placeholder's text on as a database's address."""
    environment = manifest["server"]["mcp_config"]["env"]
    assert set(environment.values()) == {f"${{user_config.{option}}}" for option in manifest["user_config"]}
    assert {field["default"] for field in manifest["user_config"].values()} == {""}


def test_a_secret_of_server_json_is_sensitive_in_the_form(manifest: dict[str, Any]) -> None:
    """Fails without `sensitive` in form_field: a host would show the key, and keep it in plain text."""
    (package,) = json.loads((ROOT / "server.json").read_text())["packages"]
    for variable in package["environmentVariables"]:
        reference = manifest["server"]["mcp_config"]["env"][variable["name"]]
        field = manifest["user_config"][reference.removeprefix("${user_config.").removesuffix("}")]
        assert field["sensitive"] == variable.get("isSecret", False)
        assert field["description"] == variable["description"]


def test_the_bundled_project_asks_for_the_wheel_and_the_pinned_versions() -> None:
    project = tomllib.loads(load().project_for_uv("chat_memory-0-py3-none-any.whl"))
    assert project["project"]["dependencies"] == ["chat-memory"]
    assert project["tool"]["uv"]["sources"] == {"chat-memory": {"path": "chat_memory-0-py3-none-any.whl"}}
    assert project["tool"]["uv"]["constraint-dependencies"] == (ROOT / "constraints.txt").read_text().splitlines()


def test_a_wheel_of_another_version_is_not_bundled(tmp_path: Path) -> None:
    """Fails without the check in main: dist/ keeps old wheels, and the manifest would lie about this one."""
    wheel = tmp_path / "chat_memory-0.0.9-py3-none-any.whl"
    wheel.touch()
    command = [sys.executable, str(ROOT / "scripts" / "make_bundle.py"), str(wheel), str(tmp_path / "bundle")]
    source = {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=source, capture_output=True, text=True, check=False)
    assert "is not the wheel of version" in done.stderr
    assert not (tmp_path / "bundle").exists()


def test_a_machine_without_uv_is_told_so(tmp_path: Path) -> None:
    """Fails without the look for uv in scripts/bundle: the packing would be done and the trial end in a traceback."""
    for name in ("sh", "dirname", "env"):
        (tmp_path / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    venv = tmp_path / "venv"
    venv.mkdir()
    command = ["env", f"PATH={tmp_path}", f"VENV={venv}", str(ROOT / "scripts" / "bundle")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("uv is not on your PATH")
