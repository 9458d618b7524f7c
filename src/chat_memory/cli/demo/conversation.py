"""The conversation a demo tells: the bundled one, or a file of yours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from chat_memory.errors import InvalidInputError, UnreadableLineError
from chat_memory.models import CALL_BYTES, ROLES, TURN_BYTES, Message
from chat_memory.tools.intake import read_turns

BURST_SHARE = 3
"""One exchange in so many is written in the burst, at least one."""
CALL_TURNS = CALL_BYTES // TURN_BYTES
"""Most turns of one call: so many of the largest fit."""
CORRECTED = {"the date before its correction": "13 June", "the number of guests before its correction": "35 people"}
"""What the user takes back in the bundled conversation."""
NEVER_CONFIRMED = {
    "the assistant's guess": "Adelphi",
    "the instruction planted in a tool's result": "4471 0020 9913",
    **CORRECTED,
}
"""What the bundled conversation holds to mislead, by words no confirmed fact may have at its end."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in order, and words that must not be confirmed or are taken back in them, by what they are."""

    name: str
    messages: Sequence[Message]
    never_confirmed: Mapping[str, str] = field(default_factory=dict[str, str])
    corrected: Mapping[str, str] = field(default_factory=dict[str, str])

    def split(self) -> tuple[list[tuple[Message, ...]], list[tuple[Message, ...]]]:
        """Split into exchanges, one call each: those to write at leisure, and those to write in a burst."""
        exchanges = list(split_exchanges(self.messages))
        calm = len(exchanges) - max(1, len(exchanges) // BURST_SHARE)
        return exchanges[:calm], exchanges[calm:]


def split_exchanges(messages: Sequence[Message]) -> Iterator[tuple[Message, ...]]:
    """Begin a new call at each user turn, as an agent would, and where a call would be too large."""
    call: list[Message] = []
    for message in messages:
        if call and (message.role == "user" or len(call) == CALL_TURNS):
            yield tuple(call)
            call = []
        call.append(message)
    if call:
        yield tuple(call)


def read_bundled() -> Conversation:
    """Read the conversation written for this project: a grandmother's birthday is planned."""
    file = files("chat_memory.cli.demo") / "conversation.jsonl"
    messages = read_lines(file.name, file.read_bytes())
    return Conversation("a birthday lunch is planned", messages, NEVER_CONFIRMED, CORRECTED)


def read_file(path: Path) -> Conversation:
    """Read a conversation from a file of JSON lines.

    Raises:
        UnreadableLineError: a line is no message, or one that memory would refuse; nothing was started.
    """
    return Conversation(path.name, read_lines(path.name, path.read_bytes()))


def read_lines(file: str, data: bytes) -> list[Message]:
    """Read a message from each line that is not blank."""
    lines = [(number, line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    if not lines:
        raise UnreadableLineError(
            file=file, number=1, problem="the file has no line with a message", roles=", ".join(ROLES)
        )
    return [read_line(file, number, line) for number, line in lines]


def read_line(file: str, number: int, line: bytes) -> Message:
    """Read one message, checked as the server will check it."""
    try:
        message = Message.model_validate_json(line)
        read_turns([message], "")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the line"
        problem = f"{field}: {first['msg'][0].lower()}{first['msg'][1:]}"
    except InvalidInputError as error:
        problem = str(error).removeprefix("messages[0].").rstrip(".")
    else:
        return message
    raise UnreadableLineError(file=file, number=number, problem=problem, roles=", ".join(ROLES))
