"""The nouns: chats, turns, facts, memories and deltas."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["user", "assistant", "tool", "system", "note"]
ROLES: tuple[Role, ...] = ("user", "assistant", "tool", "system", "note")

TURN_BYTES = 256 * 1024
"""Largest content of one turn, bytes of UTF-8."""
CALL_BYTES = 1024 * 1024
"""Largest sum of contents in one call, bytes of UTF-8."""
CALL_MESSAGES = 200
"""Most messages in one call."""
CHAT_ID_BYTES = 512
"""Longest chat id, bytes of UTF-8."""
QUERY_BYTES = 4 * 1024
"""Longest query, bytes of UTF-8: a question, not a document."""
IDEMPOTENCY_KEY_BYTES = 512
"""Longest idempotency key, bytes of UTF-8."""


class Frozen(BaseModel):
    """A value: immutable, and no field it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Report: TypeAlias = Callable[[float, float, str], Awaitable[None]]
"""Tells a caller that waits how far its call is: done, of how much, in words."""


async def tell_nobody(_done: float, _total: float, _words: str) -> None:
    """Report to a caller that did not ask."""


class Answer(StrEnum):
    """What became of a yes/no question to the user. Only YES is a yes: everything else means do not do it."""

    YES = "yes"
    NO = "no"
    DECLINED = "declined"  # the user refused to answer
    CANCELLED = "cancelled"  # the user closed the question, or what came back holds no answer
    UNSUPPORTED = "unsupported"  # this client cannot ask its user
    TIMED_OUT = "timed_out"  # nobody answered in time


Ask: TypeAlias = Callable[[str, float], Awaitable[Answer]]
"""Ask the caller's user yes or no, for so many seconds. Before it nothing is written: a call may come again whole."""


async def ask_nobody(_question: str, _seconds: float) -> Answer:
    """Answer for a caller that has no user to ask."""
    return Answer.UNSUPPORTED


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the owner from the credential, what the credential allows, and the ways to the client and its user."""

    owner: str
    scopes: frozenset[str] = frozenset()
    report: Report = field(default=tell_nobody, compare=False, repr=False)
    ask: Ask = field(default=ask_nobody, compare=False, repr=False)


class ChatKey(NamedTuple):
    """Where a chat lives: `chat` is the key, `bucket` its first byte, leading every index."""

    bucket: int
    chat: bytes


def chat_key(owner: str, chat_id: str) -> ChatKey:
    """Derive the key of a chat: the first 16 bytes of sha256 over length-prefixed owner and chat id."""
    digest = hashlib.sha256()
    for part in (owner.encode(), chat_id.encode()):
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    chat = digest.digest()[:16]
    return ChatKey(chat[0], chat)


class Message(Frozen):
    """What a caller sends: a role and its text."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A message on its way into the ledger; `attested` when the caller's role field vouches for the user."""

    role: Role
    content: str
    attested: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """One numbered, committed piece of a chat."""

    seq: int
    role: Role
    attested: bool
    content: str
    created_at: datetime

    @property
    def is_users_word(self) -> bool:
        """Whether the caller vouches that the user said it; nothing inside content does."""
        return self.role == "user" and self.attested


Basis = Literal["user_stated", "user_affirmed", "assistant_said", "inferred", "operator"]
"""How a fact is known. Only `user_stated` and `operator`, a person's verdict, may be confirmed.

So may `user_affirmed`, where CHAT_MEMORY_AFFIRMED_CONFIRMS is on.
"""


class Origin(Frozen):
    """Where a carried fact was said: turn `seq` of another chat of the same owner."""

    chat_id: str
    seq: int


class Fact(Frozen):
    """One admitted statement, with the words that prove it.

    `quote` is copied from turn `source_seq`, so it survives retention; versions count from 1. A fact that was carried
    over from another chat names its turn there as `origin`; its `source_seq` is 0, before every turn of this chat. No
    turn up to `settled_seq` changes it: that was the last one when a person gave a verdict on it.
    """

    id: str
    key: str
    value: str
    basis: Basis
    source_seq: int
    quote: str
    first_version: int
    last_version: int
    origin: Origin | None = None
    settled_seq: int = 0

    def outlasts(self, seq: int) -> bool:
        """Tell whether turn `seq` is too old to change this fact: what proves it was said later, or decided later."""
        return seq < self.source_seq or seq <= self.settled_seq


class Rejected(Frozen):
    """A fact a person took out: nothing said up to turn `upto_seq`, the last one then, brings it back."""

    fact: Fact
    upto_seq: int


class Memory(Frozen):
    """The three fields at a version, empty at version 0, and what was rejected, which folds know and readers never see.

    The rejected facts are stored beside the memory, not with its versions: no past version knows better.
    """

    user_confirmed: tuple[Fact, ...] = ()
    llm_inferred: tuple[Fact, ...] = ()
    general_summary: str = ""
    rejected: tuple[Rejected, ...] = Field(default=(), exclude=True)


class ProposedFact(Frozen):
    """One change a summarizer asks for. `replaces` is the id of an existing fact, `""` when there is none."""

    op: Literal["add", "confirm", "supersede", "retract"]
    key: str
    value: str
    basis: Literal["user_stated", "user_affirmed", "assistant_said", "inferred"]
    quote: str
    source_seq: int
    replaces: str = ""


class Delta(Frozen):
    """What a summarizer proposes in one fold; `summary` None keeps the old one. Empty is a success."""

    facts: tuple[ProposedFact, ...] = ()
    summary: str | None = None


class Usage(Frozen):
    """What a fold cost: tokens read and written, and US dollars; 0 without a model.

    `tokens_cached` are those of `tokens_in` that came from the provider's cache, `estimated_out` what our counter makes
    of the text of `tokens_out`.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float = 0.0
    estimated_out: int = 0


class Counting(Frozen):
    """How a memory's tokens were counted: by our estimate, times what `model` counted of its own answers by it."""

    factor: float = 1.0
    model: str = ""

    def __str__(self) -> str:
        """Name the method, as it is stored with each version."""
        return f"fitted*{self.factor:.2f}:{self.model}" if self.model else "fitted"


class Draft(Frozen):
    """A delta waiting to be written: made from memory `base_version`, for turns up to `upto_seq`.

    `degraded` when the summarizer is the fallback of a model that could not answer. A re-fold's draft names the version
    it takes the place of, and is for that one's turns.
    """

    base_version: int
    upto_seq: int
    delta: Delta
    summarizer: str
    model: str = ""
    usage: Usage = Usage()
    degraded: bool = False
    replaces_version: int | None = None
    counting: Counting = Counting()


class Replaced(Frozen):
    """A fact that gave way, and what took its place (None when it was retracted)."""

    old: Fact
    new: Fact | None


Outcome = Literal["demoted", "dropped", "added", "quarantined"]
"""What became of a proposal instead: an assumption, nothing, a new fact, or kept here and nowhere else."""


class Refused(Frozen):
    """A proposal the gate did not admit as asked, with the reason, and where it went instead."""

    proposal: ProposedFact
    reason: str
    outcome: Outcome


class Change(Frozen):
    """What one version did to the memory before it: the delta as admitted. Nothing leaves without a line here.

    `confirmed` holds facts said again, as they stand now; those among them that were guesses until then stand in
    `promoted` as they were.
    """

    added: tuple[Fact, ...] = ()
    confirmed: tuple[Fact, ...] = ()
    promoted: tuple[Fact, ...] = ()
    replaced: tuple[Replaced, ...] = ()
    refused: tuple[Refused, ...] = ()
    evicted: tuple[Fact, ...] = ()
    left_summary: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provisional:
    """A version extraction made in a model's place: its turns, what it changed, and the memory before and after it."""

    version: int
    from_seq: int
    covers_seq: int
    change: Change
    before: Memory
    after: Memory
