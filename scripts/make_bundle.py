"""Lay out the .mcpb bundle: the wheel, a project for uv that asks for it, a manifest made of what is said elsewhere.

Called by `scripts/bundle`. The manifest takes its words from `server.json` (title, description, what an installer is
asked for), `pyproject.toml` and the tools themselves, so that it cannot fall behind them.
"""

import argparse
import json
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

from chat_memory import __version__
from chat_memory.server.catalogue import CATALOGUE
from chat_memory.settings import PREFIX

ROOT = Path(__file__).resolve().parent.parent
ENTRY_POINT = "server.py"
ENTRY = '''"""Start the MCP server that uv installed from the wheel beside this file."""

from chat_memory.__main__ import main

if __name__ == "__main__":
    main()
'''
TITLES = {
    "CHAT_MEMORY_DATABASE_URL": "PostgreSQL",
    "CHAT_MEMORY_DATA_DIR": "Data folder",
    "ANTHROPIC_API_KEY": "Claude API key",
}
"""What an installer's form calls each variable of server.json: the registry has descriptions only."""
FORM_TYPES = {"string": "string", "number": "number", "boolean": "boolean", "filepath": "directory"}
"""The registry's formats, and what a form calls them. Our only path is a folder."""


def main() -> int:
    """Write the bundle's files into a new folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if not arguments.wheel.name.startswith(f"chat_memory-{__version__}-"):
        parser.error(f"{arguments.wheel.name} is not the wheel of version {__version__}: build it anew.")
    folder: Path = arguments.folder
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(manifest(), indent=2) + "\n")
    (folder / "pyproject.toml").write_text(project_for_uv(arguments.wheel.name))
    (folder / ENTRY_POINT).write_text(ENTRY)
    for file in (arguments.wheel, ROOT / "README.md", ROOT / "LICENSE"):
        shutil.copy2(file, folder)
    return 0


def manifest() -> dict[str, Any]:
    """Say what a host must know: how to start the server, what to ask the person for, which tools there are."""
    project = read_project()
    listed = json.loads((ROOT / "server.json").read_text())
    variables = listed["packages"][0]["environmentVariables"]
    return {
        "manifest_version": "0.4",
        "name": project["name"],
        "display_name": listed["title"],
        "version": __version__,
        "description": listed["description"],
        "author": project["authors"][0],
        "license": project["license"],
        "keywords": project["keywords"],
        "server": {
            "type": "uv",
            "entry_point": ENTRY_POINT,
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", ENTRY_POINT],
                "env": {each["name"]: f"${{user_config.{option(each['name'])}}}" for each in variables},
            },
        },
        "compatibility": {
            "platforms": ["darwin", "linux", "win32"],
            "runtimes": {"python": project["requires-python"]},
        },
        "user_config": {option(each["name"]): form_field(each) for each in variables},
        "tools": [{"name": name, "description": summary_of(name)} for name in CATALOGUE],
    }


def read_project() -> dict[str, Any]:
    """Read the project's table of pyproject.toml."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def option(variable: str) -> str:
    """Name the option of the form that fills a variable."""
    return variable.removeprefix(PREFIX).lower()


def form_field(variable: dict[str, Any]) -> dict[str, Any]:
    """Describe one option. Without a default, a host would hand over the placeholder's own text as the value."""
    return {
        "type": FORM_TYPES[variable["format"]],
        "title": TITLES[variable["name"]],
        "description": variable["description"],
        "required": variable.get("isRequired", False),
        "sensitive": variable.get("isSecret", False),
        "default": variable.get("default", ""),
    }


def summary_of(tool: str) -> str:
    """Return the first line of what a model is told about a tool."""
    return (CATALOGUE[tool].shown.description or "").splitlines()[0]


def project_for_uv(wheel: str) -> str:
    """Write the project uv makes an environment for: the wheel, and its needs in the versions our tests ran with."""
    pinned = [f"  {json.dumps(line)}," for line in (ROOT / "constraints.txt").read_text().splitlines()]
    lines = [
        "[project]",
        'name = "chat-memory-bundle"',
        f'version = "{__version__}"',
        f'requires-python = "{read_project()["requires-python"]}"',
        'dependencies = ["chat-memory"]',
        "",
        "[tool.uv]",
        "package = false",
        "constraint-dependencies = [",
        *pinned,
        "]",
        "",
        "[tool.uv.sources]",
        f'chat-memory = {{ path = "{wheel}" }}',
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
