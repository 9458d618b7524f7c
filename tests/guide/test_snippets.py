"""What the documentation tells people to paste: every snippet is parsed, and every server it names is started."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from chat_memory.server.catalogue import CATALOGUE
from tests.rules.test_tree import project
from tests.rules.tree import ROOT
from tests.sessions import SERVER, connect

FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAM = "chat-memory"
"""What every snippet starts. Here it is this environment's Python running the function the package gives that name."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A server somebody's client is told to start."""

    place: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict[str, str])


def fences(language: str) -> Iterator[tuple[str, str]]:
    """Find the fenced blocks of a language: where they stand, and their text."""
    for page in PAGES:
        for found in FENCE.finditer(page.read_text()):
            if found[1] == language:
                line = page.read_text()[: found.start()].count("\n") + 1
                yield f"{page.relative_to(ROOT)}:{line}", found[2]


def from_json(place: str, text: str) -> Iterator[Snippet]:
    """Read the servers of a client's configuration; one that is reached by URL is nobody's to start."""
    read: dict[str, Any] = json.loads(text)
    for server in {**read.get("mcpServers", {}), **read.get("servers", {})}.values():
        assert server.get("type", "stdio") == "stdio" or "url" in server, place
        if "url" not in server:
            yield Snippet(place, [server["command"], *server.get("args", [])], server.get("env", {}))


def from_shell(place: str, text: str) -> Iterator[Snippet]:
    """Read the lines that tell a client's own command line to add a server: it stands after the two dashes."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[1:3] == ["mcp", "add"] and "--" in words:
            cut = words.index("--")
            given = [value for flag, value in pairwise(words[:cut]) if flag in {"-e", "--env"}]
            yield Snippet(f"{place} {words[0]}", words[cut + 1 :], dict(each.split("=", 1) for each in given))


def snippets() -> list[Snippet]:
    """Find them all."""
    configured = [("mcp.json", (ROOT / "mcp.json").read_text()), *fences("json")]
    return [
        *(snippet for place, text in configured for snippet in from_json(place, text)),
        *(snippet for place, text in fences("sh") for snippet in from_shell(place, text)),
    ]


def commands() -> set[str]:
    """Find the commands of the program that people are told to type."""
    lines = [line for _, text in fences("sh") for line in text.splitlines()]
    typed = [shlex.split(line, comments=True) for line in lines]
    return {words[1] for words in typed if words[:1] == [PROGRAM] and len(words) > 1}


def test_the_clients_the_documentation_speaks_of_have_their_snippets() -> None:
    """The search below proves nothing about a snippet it does not find."""
    places = " ".join(snippet.place for snippet in snippets())
    assert {"mcp.json", "README.md", "docs/how-to/clients.md", "claude"} <= set(re.split(r"[: ]", places))
    assert "doctor" in commands()


def test_the_program_the_snippets_start_is_the_one_the_package_installs() -> None:
    """So that SERVER, which runs the package's __main__, stands for it."""
    assert project()["project"]["scripts"][PROGRAM] == f"{SERVER[-1]}.__main__:main"


@pytest.mark.parametrize("snippet", snippets(), ids=lambda snippet: snippet.place)
async def test_a_client_that_takes_the_snippet_gets_the_tools(snippet: Snippet, environment: dict[str, str]) -> None:
    """Fails for a program of another name, an argument or a setting the program does not know, and broken JSON.

    The client speaks 2025-11-25, as those programs do. The database is this test's, whatever the snippet names.
    """
    assert snippet.command[0] == PROGRAM
    started = [*SERVER, *snippet.command[1:]]
    async with connect("2025-11-25", snippet.environment | environment, started) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == list(CATALOGUE)


@pytest.mark.parametrize("command", sorted(commands()))
def test_a_command_people_are_told_to_type_exists(command: str) -> None:
    source = {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([*SERVER, command, "--help"], env=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_snippet_that_names_neither_a_program_nor_a_url_is_found_wrong() -> None:
    with pytest.raises(AssertionError, match="planted"):
        list(from_json("planted", '{"servers": {"x": {"type": "http", "command": "chat-memory"}}}'))


def test_a_folded_line_with_settings_is_read_whole() -> None:
    text = "claude mcp add -e CHAT_MEMORY_OWNER=ann \\\n  memory -- chat-memory serve  # here\n"
    (found,) = from_shell("planted", text)
    assert (found.command, found.environment) == (["chat-memory", "serve"], {"CHAT_MEMORY_OWNER": "ann"})
