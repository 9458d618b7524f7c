"""Calls as clients make them, and the one place where the benchmark appends below the tools."""

from uuid import uuid4

from chat_memory.lab.bench.ground import OWNER
from chat_memory.models import NewTurn, chat_key
from chat_memory.storage.turns import Call
from chat_memory.tools.toolbox import Toolbox

SAID = (
    "We could move the kick-off to the week after, if the room is free and nobody minds the shorter preparation; "
    "I would then ask the caterer again and send everybody the new plan."
)
"""A turn of ordinary length."""


def make_call(chat_id: str, turns: int = 1) -> Call:
    """Make a call of so many turns, as update_memory would."""
    written = [NewTurn("user", SAID, attested=True)] * turns
    return Call(chat_key(OWNER, chat_id), OWNER, chat_id, written, uuid4(), "test", "", b"")


async def append(box: Toolbox, call: Call) -> None:
    """Write a call durably, as update_memory does behind its checks."""
    await box.ledger.append(call)
