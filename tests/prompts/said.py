"""Turns, proposals and folds for tests of the gate, as plain data."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from chat_memory.models import Delta, Fact, Memory, ProposedFact, Role, Turn
from chat_memory.prompts.gate import Admitted, admit

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
Op = Literal["add", "confirm", "supersede", "retract"]
Said = Literal["user_stated", "user_affirmed", "assistant_said", "inferred"]


def turn(seq: int, content: str, role: Role = "user", *, attested: bool | None = None) -> Turn:
    """A turn as the ledger would give it: a user's is attested unless told otherwise."""
    return Turn(seq, role, role == "user" if attested is None else attested, content, WHEN)


def propose(
    key: str, value: str, quote: str, seq: int = 1, *, op: Op = "add", basis: Said = "user_stated", replaces: str = ""
) -> ProposedFact:
    """A proposal, by default one that claims the user's own words in turn 1."""
    return ProposedFact(op=op, key=key, value=value, basis=basis, quote=quote, source_seq=seq, replaces=replaces)


def known(key: str, value: str, *, seq: int = 1, basis: Said = "user_stated", version: int = 1) -> Fact:
    """A fact admitted earlier; its id is its key."""
    return Fact(
        id=key,
        key=key,
        value=value,
        basis=basis,
        source_seq=seq,
        quote=value,
        first_version=version,
        last_version=version,
    )


def fold(
    proposals: Sequence[ProposedFact] = (),
    turns: Sequence[Turn] = (),
    *,
    memory: Memory | None = None,
    summary: str | None = None,
    version: int = 2,
    memory_tokens: int = 2000,
    affirmed_confirms: bool = False,
) -> Admitted:
    """Run the gate over proposals and a summary."""
    delta = Delta(facts=tuple(proposals), summary=summary)
    cited = {said.seq: said for said in turns}
    return admit(
        memory or Memory(),
        delta,
        cited,
        version=version,
        memory_tokens=memory_tokens,
        affirmed_confirms=affirmed_confirms,
    )


def values(facts: Sequence[Fact]) -> dict[str, str]:
    """Facts as a reader sees them."""
    return {fact.key: fact.value for fact in facts}


def dice(seed: int) -> random.Random:
    """Chance that falls the same way every time."""
    return random.Random(seed)  # noqa: S311 - a test's variety, not a secret
