"""server.json: the entry in the MCP registry keeps the registry's rules and says what the package says.

The rules are those of its schema of 2025-12-11 and of its publisher's checks, as far as they concern our one package.
"""

import json
import re
from typing import Any

import pytest

from chat_memory import __version__
from chat_memory.settings import Settings, variable_of
from tests.rules.test_tree import project
from tests.rules.tree import ROOT

LISTED: dict[str, Any] = json.loads((ROOT / "server.json").read_text())
(PACKAGE,) = LISTED["packages"]
VARIABLES: list[dict[str, Any]] = PACKAGE["environmentVariables"]
NAME = r"[a-zA-Z0-9]+(\.[a-zA-Z0-9-]+)+/[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?"


def test_the_name_is_reverse_dns_and_the_readme_repeats_it() -> None:
    """The registry looks for this line in the published README: without it nobody can publish."""
    assert re.fullmatch(NAME, LISTED["name"])
    assert len(LISTED["name"]) <= 200
    assert f"mcp-name: {LISTED['name']} " in (ROOT / "README.md").read_text()


def test_the_description_is_the_package_s_and_fits_the_registry() -> None:
    assert LISTED["description"] == project()["project"]["description"]
    assert len(LISTED["description"]) <= 100
    assert len(LISTED["title"]) <= 100


def test_every_version_is_the_package_s() -> None:
    assert [LISTED["version"], PACKAGE["version"]] == [__version__, __version__]


def test_it_is_the_package_of_this_project_over_stdio_from_nobody_s_host() -> None:
    """A base URL would name a package registry's host, which no file of ours does; it has a default."""
    assert (PACKAGE["registryType"], PACKAGE["runtimeHint"]) == ("pypi", "uvx")
    assert PACKAGE["identifier"] == project()["project"]["name"]
    assert PACKAGE["identifier"] in project()["project"]["scripts"]  # what uvx runs when told the package alone
    assert PACKAGE["transport"] == {"type": "stdio"}
    assert "registryBaseUrl" not in PACKAGE


@pytest.mark.parametrize("variable", VARIABLES, ids=[each["name"] for each in VARIABLES])
def test_a_variable_it_asks_for_is_a_setting_and_says_what_the_setting_says(variable: dict[str, Any]) -> None:
    assert variable["format"] in {"string", "number", "boolean", "filepath"}
    assert not variable.get("isRequired")  # it starts by itself
    settings = {variable_of(field): info.description for field, info in Settings.model_fields.items()}
    assert variable["description"] == settings[variable["name"]]


def test_what_holds_a_credential_is_asked_for_as_a_secret() -> None:
    secrets = {each["name"] for each in VARIABLES if each.get("isSecret")}
    assert secrets == {each["name"] for each in VARIABLES if re.search(r"_URL$|_KEY$", each["name"])}
