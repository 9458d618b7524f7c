"""Redaction: what is private in a call gives way to placeholders before anything of it is hashed, stored or logged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import anyio

from chat_memory.models import Caller, ChatKey, NewTurn
from chat_memory.prompts.pacing import run_paced
from chat_memory.storage import redaction_salts
from chat_memory.tools.personal_shapes import Lookups, find_personal
from chat_memory.tools.placeholders import Kind, Stretch, merge, replace_stretches
from chat_memory.tools.secret_shapes import find_secrets
from chat_memory.tools.toolbox import Toolbox

THREADS = anyio.CapacityLimiter(1)
"""Long texts are searched beside the folds' thread, not behind it: a writer waits for its answer."""


class Redacted(NamedTuple):
    """The turns of a call with placeholders, and how many stretches of each kind gave way."""

    turns: Sequence[NewTurn]
    counts: dict[Kind, int]


async def redact(box: Toolbox, caller: Caller, key: ChatKey, turns: Sequence[NewTurn]) -> Redacted:
    """Replace the secrets in a call's turns and, where the setting says so, what tells who somebody is.

    Each turn by itself: roles and attestation are decided before, and stand. A call with nothing private asks the
    database nothing.
    """
    texts = [turn.content for turn in turns]
    personal = box.settings.redact == "pii"
    found = await run_paced(partial(find_private, texts, personal=personal), sum(map(len, texts)), THREADS)
    if not any(found):
        return Redacted(turns, {})
    salt = await redaction_salts.read_salt(box.db, key, caller.owner)
    return Redacted(
        [
            replace(turn, content=replace_stretches(turn.content, stretches, salt))
            for turn, stretches in zip(turns, found, strict=True)
        ],
        dict(Counter(stretch.kind for stretches in found for stretch in stretches)),
    )


def find_private(texts: Sequence[str], *, personal: bool) -> list[list[Stretch]]:
    """Find what is private in each text of a call: secrets, and with `personal` also what tells who somebody is."""
    lookups = Lookups()
    return [merge([*find_secrets(text), *(find_personal(text, lookups) if personal else ())], text) for text in texts]
