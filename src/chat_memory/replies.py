"""What callers are answered: receipts, memories, lists and pages, as they stand on the wire."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from chat_memory.models import Basis, Frozen, Origin, Role


class Receipt(Frozen):
    """What a writer gets: the turns are durable.

    `queue_id` names them; `estimated_completion` is when the memory should include them, None before this process has
    seen a fold. `redacted` counts by kind what gave way to placeholders, None when nothing did.
    """

    queue_id: str
    status: Literal["complete", "pending_summarization"]
    first_seq: int
    seq: int
    pending: int
    estimated_completion: datetime | None = None
    redacted: dict[str, int] | None = None


class Evidence(Frozen):
    """A fact with what proves it: a turn of this chat, or (`origin`, seq 0) of the one it was carried over from."""

    value: str
    id: str
    basis: Basis
    seq: int
    quote: str
    first_version: int
    last_version: int
    origin: Origin | None = None


class TurnReply(Frozen):
    """A turn as it was said; `cut_from` is its full length in characters when it is shortened here."""

    seq: int
    role: Role
    content: str
    attested: bool | None = None
    created_at: datetime | None = None
    cut_from: int | None = None


class Recalled(Frozen):
    """A turn that answers a query: its sentences without fillers and code.

    `cut_from` is its full length in characters where more than fillers is left out; `attested` is false where a `user`
    turn is not.
    """

    seq: int
    role: Role
    text: str
    attested: bool | None = None
    cut_from: int | None = None


class Omitted(Frozen):
    """Pending turns a reply had no room for: seqs, first to last, and how many."""

    first_seq: int
    last_seq: int
    count: int


class MemoryReply(Frozen):
    """A chat's memory and pending turns at one moment; empty at version 0 for a chat nobody wrote to.

    `lag_ms` is the age of the oldest pending turn. `size` says how much room for new facts is left, `advice` what to do
    when there is little. `left_out` names the fields, and how many facts or lines of them,
    that `max_tokens` had no room for. `recall` holds what of the chat answers the query; the summary's lines it repeats
    are not shown twice. `folded` counts the turns a summarize call waited for, `done` says what a revise_memory call
    changed, by the ids of facts.
    """

    chat_id: str
    version: int = 0
    covers_seq: int = 0
    pending: int = 0
    lag_ms: int = 0
    degraded: bool = False
    size: Literal["ok", "near", "full"] = "ok"
    advice: str | None = None
    user_confirmed: dict[str, str | Evidence] = Field(default_factory=dict[str, str | Evidence])
    llm_inferred: dict[str, str | Evidence] = Field(default_factory=dict[str, str | Evidence])
    general_summary: str = ""
    pending_turns: tuple[TurnReply, ...] = ()
    pending_omitted: Omitted | None = None
    left_out: dict[str, int] | None = None
    recall: tuple[Recalled, ...] | None = None
    folded: int | None = None
    done: tuple[str, ...] | None = None


class ChangeLine(Frozen):
    """One thing that happened to a fact or a line of the summary; `was` is what stood before.

    `what` a version did: added, repeated (said again), confirmed (a guess the user has since stated), superseded,
    retracted, rejected (by a person), undone (by the model's second look), evicted, demoted, dropped, quarantined,
    left_summary. Between two versions: added, removed, changed, confirmed, demoted, left_summary, joined_summary;
    `version` names whose doing.
    """

    what: str
    key: str | None = None
    value: str | None = None
    was: str | None = None
    basis: str | None = None
    reason: str | None = None
    version: int | None = None


class VersionLine(Frozen):
    """One version: the turns it folded, who made it, and what it did; `left_out` counts changes without room.

    `summarizer` is `verdict`, `restore` or `continue` where no turn was folded. `replaces_version` names the one whose
    turns the model has looked at again, `counting` how tokens were counted where a model's own counts corrected ours.
    """

    version: int
    from_seq: int
    covers_seq: int
    created_at: datetime
    summarizer: str
    model: str | None = None
    degraded: bool | None = None
    replaces_version: int | None = None
    counting: str | None = None
    changes: tuple[ChangeLine, ...] = ()
    left_out: dict[str, int] | None = None


class VersionsReply(Frozen):
    """A chat's versions, newest first; `version` is the latest. `left_out` counts the older ones without room."""

    chat_id: str
    version: int = 0
    versions: tuple[VersionLine, ...] = ()
    left_out: dict[str, int] | None = None


class DifferenceReply(Frozen):
    """What lies between the memory at `since` and at `version`; `left_out` counts changes without room, by kind."""

    chat_id: str
    version: int
    since: int
    changes: tuple[ChangeLine, ...] = ()
    left_out: dict[str, int] | None = None


class ChatLine(Frozen):
    """One line of the list of chats: how it began, and how long ago it was written to."""

    chat_id: str
    first_line: str
    age_seconds: int
    turns: int


class ChatListReply(Frozen):
    """An owner's latest chats, last written first; `left_out` counts those that `max_tokens` had no room for."""

    chats: tuple[ChatLine, ...]
    left_out: int | None = None


class HistoryReply(Frozen):
    """A page of a chat as it was said, oldest first; `before` for the next older page, None at the beginning."""

    chat_id: str
    turns: tuple[TurnReply, ...]
    before: int | None = None


class ForgetReply(Frozen):
    """What was deleted, by table; all zero when there was nothing."""

    chat_id: str
    deleted: dict[str, int]
