"""Redaction: what is private in a call gives way to placeholders before anything of it is hashed, stored or logged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar

import anyio

from chat_memory.errors import UnknownChatError
from chat_memory.models import Caller, ChatKey, NewTurn, chat_key
from chat_memory.prompts.pacing import run_paced
from chat_memory.prompts.wanted import Confirmation, Correction, Verdicts
from chat_memory.storage import redaction_salts
from chat_memory.tools.personal_shapes import Lookups, find_personal
from chat_memory.tools.placeholders import Kind, Stretch, merge, replace_repeated, replace_stretches
from chat_memory.tools.secret_shapes import find_secrets
from chat_memory.tools.toolbox import Toolbox

Proven = TypeVar("Proven", bound=Confirmation)

PERSONAL_WEIGHT = 8
"""A text of nothing but numbers takes this much longer where they are looked at: 2,000 characters, some 10 ms."""
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
    found = await _search(box, [turn.content for turn in turns])
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


async def redact_verdicts(box: Toolbox, caller: Caller, chat_id: str, wanted: Verdicts) -> Verdicts:
    """Replace in quotes and values what was replaced in the turns they are of, so that they stand there again.

    Raises:
        UnknownChatError: there is no such chat, perhaps not any more: nothing of it is made.
    """
    texts = [one.quote for one in (*wanted.confirm, *wanted.correct)] + [one.value for one in wanted.correct]
    if not any(await _search(box, texts)):
        return wanted
    salt = await redaction_salts.read_salt_of_chat(box.db, chat_key(caller.owner, chat_id), caller.owner)
    if salt is None:
        raise UnknownChatError(chat_id=chat_id)
    personal = box.settings.redact == "pii"
    confirm = tuple(_redact_verdict(one, salt, personal=personal) for one in wanted.confirm)
    correct = tuple(_redact_verdict(one, salt, personal=personal) for one in wanted.correct)
    return wanted.model_copy(update={"confirm": confirm, "correct": correct})


def _redact_verdict(one: Proven, salt: bytes, *, personal: bool) -> Proven:
    """Redact a verdict; of its value also what only its quote tells to be private: `call me at ...`."""
    value = one.value if isinstance(one, Correction) else ""
    in_quote, in_value = find_private([one.quote, value], personal=personal)
    changed = {"quote": replace_stretches(one.quote, in_quote, salt)}
    if value:
        redacted = replace_stretches(value, in_value, salt)
        changed["value"] = replace_repeated(redacted, one.quote, in_quote, salt)
    return one.model_copy(update=changed)


async def redact_query(box: Toolbox, caller: Caller, key: ChatKey, query: str) -> str:
    """Ask for the placeholder where a query names what was replaced; where nothing was, ask as it came."""
    (stretches,) = await _search(box, [query])
    salt = await redaction_salts.find_salt(box.db, key, caller.owner) if stretches else None
    return replace_stretches(query, stretches, salt) if salt is not None else query


async def _search(box: Toolbox, texts: Sequence[str]) -> list[list[Stretch]]:
    """Find what is private in texts, long ones beside the event loop."""
    personal = box.settings.redact == "pii"
    weight = sum(map(len, texts)) * (PERSONAL_WEIGHT if personal else 1)
    return await run_paced(partial(find_private, texts, personal=personal), weight, THREADS)


def find_private(texts: Sequence[str], *, personal: bool) -> list[list[Stretch]]:
    """Find what is private in each text of a call: secrets, and with `personal` also what tells who somebody is."""
    lookups = Lookups()
    return [merge([*find_secrets(text), *(find_personal(text, lookups) if personal else ())], text) for text in texts]
