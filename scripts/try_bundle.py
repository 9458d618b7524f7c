"""Start an unpacked .mcpb bundle as a host would, and remember something with it.

Called by `scripts/bundle`. The server is started twice, by a client of each protocol revision: the second reads what
the first wrote.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from chat_memory.settings import PREFIX, inherited_environment

START_SECONDS = 300.0
"""How long a start and its calls may take: at the first one uv downloads what the server needs."""
CHAT = "a bundle on trial"
SAID = "My name is Nadia."
OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
"""What would lead the bundle's Python into this tree."""


def main() -> int:
    """Try the bundle in a folder; an error is the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("data_dir", type=Path)
    arguments = parser.parse_args()
    manifest = json.loads((arguments.folder / "manifest.json").read_text())
    server = as_a_host_would(manifest, arguments.folder, {"data_dir": str(arguments.data_dir)})
    anyio.run(try_it, manifest, server)
    return 0


def as_a_host_would(manifest: dict[str, Any], folder: Path, filled_in: dict[str, str]) -> StdioServerParameters:
    """Put the folder and the form's values in the places the manifest names."""
    form: dict[str, dict[str, Any]] = manifest["user_config"]
    values = {f"user_config.{option}": filled_in.get(option, str(field["default"])) for option, field in form.items()}
    values["__dirname"] = str(folder)

    def fill(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", value)
        return text

    config = manifest["server"]["mcp_config"]
    around = {
        name: value
        for name, value in inherited_environment().items()
        if name not in OURS and not name.upper().startswith(PREFIX)
    }
    return StdioServerParameters(
        command=config["command"],
        args=[fill(argument) for argument in config["args"]],
        env=around | {name: fill(value) for name, value in config["env"].items()},
    )


async def try_it(manifest: dict[str, Any], server: StdioServerParameters) -> None:
    """Write with one server, read with the next."""
    with anyio.fail_after(START_SECONDS):
        async with Client(stdio_client(server), mode="legacy") as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            if tools != [tool["name"] for tool in manifest["tools"]]:
                raise AssertionError(tools)
            await ask(client, "update_memory", messages=[{"role": "user", "content": SAID}], wait_seconds=60)
    with anyio.fail_after(START_SECONDS):
        async with Client(stdio_client(server), mode="auto") as client:
            memory = await ask(client, "get_memory", detail="evidence")
            if SAID.rstrip(".") not in str(memory["user_confirmed"]):
                raise AssertionError(memory)
    sys.stdout.write(f"{manifest['name']} {manifest['version']} remembers: {json.dumps(memory['user_confirmed'])}\n")


async def ask(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    """Call a tool that must succeed."""
    result = await client.call_tool(tool, {"chat_id": CHAT, **arguments})
    if result.is_error:
        raise AssertionError(result)
    reply: dict[str, Any] = result.structured_content
    return reply


if __name__ == "__main__":
    sys.exit(main())
