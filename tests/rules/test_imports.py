"""Import-linter: imports look down, and each foreign world has one room."""

import pytest

from tests.rules.tree import Tree


def test_the_tree_as_it_is_keeps_every_contract(tree: Tree) -> None:
    assert "imports: passed" in tree.check("imports")


@pytest.mark.parametrize(
    ("room", "imported", "contract"),
    [
        ("storage", "chat_memory.tools", "imports look down"),
        ("tools", "chat_memory.server", "imports look down"),
        ("prompts", "chat_memory.storage", "imports look down"),
        ("storage", "chat_memory.prompts", "imports look down"),
        ("server", "chat_memory.cli", "imports look down"),
        ("tools", "asyncpg", "only storage speaks SQL"),
        ("server", "asyncpg", "only storage speaks SQL"),
        ("cli", "asyncpg", "only storage speaks SQL"),
        ("tools", "anthropic", "only prompts speaks to a model"),
        ("server", "anthropic", "only prompts speaks to a model"),
        ("tools", "mcp.types", "only server speaks MCP"),
        ("cli", "mcp.client", "only server speaks MCP"),
        ("storage", "mcp_types", "only server speaks MCP"),
        ("tools", "starlette.requests", "only server speaks HTTP"),
        ("cli", "uvicorn", "only server speaks HTTP"),
        ("prompts", "fastapi", "only server speaks HTTP"),
    ],
)
def test_an_import_from_the_wrong_room_is_refused(tree: Tree, room: str, imported: str, contract: str) -> None:
    tree.plant(f"src/chat_memory/{room}/planted.py", f"import {imported}\n")
    seen = tree.check("imports")
    assert f"{contract} BROKEN" in seen
    assert f"chat_memory.{room}.planted -> {imported.partition('.')[0]}" in seen
    assert seen.endswith("exit code 1")


def test_a_module_that_has_no_place_is_refused(tree: Tree) -> None:
    """A new room fails the build until a layer is named for it."""
    tree.plant("src/chat_memory/helpers.py", '"""Planted."""\n')
    seen = tree.check("imports")
    assert "helpers" in seen
    assert seen.endswith("exit code 1")
