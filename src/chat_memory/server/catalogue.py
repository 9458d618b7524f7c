"""The tools as MCP shows them: schema from the signature, description from the docstring, checked arguments."""

import difflib
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast, get_args, get_type_hints

from mcp_types import Tool, ToolAnnotations
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from chat_memory.errors import UnknownArgumentError, WrongArgumentError
from chat_memory.models import Caller
from chat_memory.tools.forget import forget
from chat_memory.tools.get_history import get_history
from chat_memory.tools.get_memory import get_memory
from chat_memory.tools.revise_memory import revise_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

Schema: TypeAlias = dict[str, Any]
ToolFunction: TypeAlias = Callable[..., Awaitable[BaseModel]]
ABSENT: tuple[object, ...] = ("", 0, [])
SAID_ONCE = frozenset({"description", "additionalProperties"})
SEEN_CHARACTERS = 40
"""How much of a wrong value an error repeats."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool: the function, the model of its arguments, and what a client is shown."""

    function: ToolFunction
    arguments: type[BaseModel]
    shown: Tool

    async def call(self, box: Toolbox, caller: Caller, arguments: Mapping[str, Any]) -> BaseModel:
        """Check the arguments and run the tool.

        Raises:
            InvalidInputError: an argument is unknown or wrong; the tool did not run.
        """
        checked = self.check(arguments)
        values = {name: getattr(checked, name) for name in type(checked).model_fields}
        return await self.function(box, caller, **values)

    def check(self, arguments: Mapping[str, Any]) -> BaseModel:
        """Turn raw arguments into checked ones; unknown names are refused, never dropped."""
        known = list(self.arguments.model_fields)
        for name in arguments:
            if name not in known:
                nearest = difflib.get_close_matches(name[:SEEN_CHARACTERS], known, n=1, cutoff=0.0)[0]
                raise UnknownArgumentError(
                    tool=self.shown.name, argument=name[:SEEN_CHARACTERS], nearest=nearest, known=", ".join(known)
                )
        parsed = {name: self._parse_list(name, value) for name, value in arguments.items()}
        try:
            return self.arguments.model_validate(parsed)
        except ValidationError as error:
            raise _wrong_argument(error) from None

    def _parse_list(self, name: str, value: object) -> object:
        """Read a list that a client sent as its JSON text, as Claude Desktop does; text parameters are never parsed."""
        is_list = self.shown.input_schema["properties"][name].get("type") == "array"
        if not is_list or not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value


def _wrong_argument(error: ValidationError) -> WrongArgumentError:
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    seen = first["input"]
    shown = f", got {seen[:SEEN_CHARACTERS]!r}" if isinstance(seen, str) else ""
    return WrongArgumentError(field=field, problem=first["msg"][0].lower() + first["msg"][1:] + shown)


def describe(function: ToolFunction, annotations: ToolAnnotations) -> Entry:
    """Build a tool's entry from its function: box and caller are hidden, the rest is its schema."""
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())[2:]
    fields: dict[str, Any] = {
        parameter.name: (
            hints[parameter.name],
            ... if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for parameter in parameters
    }
    arguments = create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)
    shown = Tool(
        name=function.__name__,
        title=annotations.title,
        description=inspect.getdoc(function),
        input_schema=slim(arguments.model_json_schema()),
        output_schema=output_schema(hints["return"]),
        annotations=annotations,
    )
    return Entry(function, arguments, shown)


def output_schema(reply: Any) -> Schema:  # noqa: ANN401 - a model or a union of models
    """Describe a reply, or the fields of several possible ones, as one object: eras before 2026 know no other root.

    Fields by their type only: what stands in them the reply shows, and every client pays for the list.
    """
    properties: Schema = {}
    for model in get_args(reply) or (reply,):
        for name, field in slim(model.model_json_schema())["properties"].items():
            properties[name] = {key: value for key, value in field.items() if key in {"type", "enum"}}
    return {"type": "object", "properties": properties}


def slim(schema: Schema, *drop: str) -> Schema:
    """Say a schema in fewer tokens: references in place, no titles, no null (it is never sent), nothing of `drop`.

    A default that is empty or 0 means absent, and is not said; of what a reference names only its fields are.
    """
    definitions: Schema = schema.get("$defs", {})
    dropped = {"title", "$defs", *drop}

    def walk(node: Any) -> Any:  # noqa: ANN401 - a JSON value
        if isinstance(node, list):
            return [walk(item) for item in node]  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(node, dict):
            return node
        node = whole(cast("Schema", node))
        return {
            key: {name: walk(value) for name, value in child.items()} if key == "properties" else walk(child)
            for key, child in node.items()
            if key not in dropped and not (key == "default" and child in ABSENT)
        }

    def whole(node: Schema) -> Schema:
        """Put a reference's target, or the only branch that is not null, in its place."""
        if "$ref" in node:
            target = definitions[node["$ref"].rpartition("/")[2]]
            return whole({key: value for key, value in target.items() if key not in SAID_ONCE})
        branches = [branch for branch in node.get("anyOf", ()) if branch != {"type": "null"}]
        if len(branches) != 1:
            return node
        return whole({**{key: value for key, value in node.items() if key not in {"anyOf", "default"}}, **branches[0]})

    return cast("Schema", walk(schema))


READS = {"read_only_hint": True, "destructive_hint": False, "idempotent_hint": True, "open_world_hint": False}
WRITES = {"read_only_hint": False, "destructive_hint": False, "idempotent_hint": False, "open_world_hint": False}
CATALOGUE: dict[str, Entry] = {
    entry.shown.name: entry
    for entry in (
        describe(get_memory, ToolAnnotations(title="Read memory", **READS)),
        describe(update_memory, ToolAnnotations(title="Remember", **WRITES)),
        describe(summarize, ToolAnnotations(title="Fold now", **{**WRITES, "idempotent_hint": True})),
        describe(revise_memory, ToolAnnotations(title="Revise memory", **{**WRITES, "idempotent_hint": True})),
        describe(get_history, ToolAnnotations(title="Read history", **READS)),
        describe(
            forget,
            ToolAnnotations(title="Forget a chat", **{**WRITES, "destructive_hint": True, "idempotent_hint": True}),
        ),
    )
}
