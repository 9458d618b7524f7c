"""Filling a reply under its cap: what matters most first, and what had no room is named."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from pydantic import BaseModel

from chat_memory.models import Fact, Memory
from chat_memory.prompts.coverage import choose_lines
from chat_memory.prompts.sentences import parse_lines, split_sentences
from chat_memory.prompts.tokens import count_facts, count_tokens, facts_room
from chat_memory.replies import Evidence, MemoryReply, Omitted, Recalled, TurnReply
from chat_memory.storage.snapshots import CutTurn, Snapshot
from chat_memory.tools.fence import count_reply, render
from chat_memory.tools.recall import Recollection, count_recalled, drop_repeated

SHORTENED_CHARACTERS = 160
"""What an older pending turn is cut to when it does not fit whole: about one sentence."""
NEWEST_SHARE = 0.5
"""Share of the room for pending turns that the newest may take when it does not fit whole: what was just said."""
LEAST_CUT_CHARACTERS = 40
"""A turn cut shorter than this says nothing: it is omitted and named instead."""
NEAR_SHARE = 0.7
FULL_SHARE = 0.9
"""Shares of the room for facts: from `near` on a new chat is worth planning, at `full` the next fact may have none."""
ADVICE = {
    "near": "This chat's memory is nearly full: plan a new chat soon.",
    "full": "This chat's memory is full: start a new chat and pass this chat's id as continue_from with its first "
    "update_memory.",
}
NOBODY = MemoryReply(chat_id="")
RECALL_SHARE = 0.75
"""Share of a reply that is kept for what answers a query; what it leaves over is the summary's."""
ITEM_TOKENS = 2
"""What stands between two items of a reply."""
LEAST_SPARE = 24
"""Tokens of a reply that may stay unused though something is left out: about what a fact or a short line takes."""
TRIES = 4
"""How often a reply with room to spare is filled anew: the parts of a reply cost less together than one by one."""


def fill_reply(
    chat_id: str,
    snapshot: Snapshot,
    max_tokens: int,
    memory_tokens: int,
    *,
    evidence: bool,
    recollection: Recollection | None = None,
) -> MemoryReply:
    """Build the reply that fits `max_tokens`: confirmed, newest pending, older pending, recall, summary, inferred."""
    echoed = shorten_id(chat_id, max_tokens // 4)
    fill = partial(_fill, echoed, snapshot, memory_tokens, recollection, evidence=evidence)
    room = max_tokens
    reply = fill(room)
    while (spare := max_tokens - count_reply(reply)) < 0 < room:
        room += spare
        reply = fill(room)
    for _ in range(TRIES):
        if spare < LEAST_SPARE or not _lacks_something(reply):
            break
        fuller = fill(room + spare)
        left = max_tokens - count_reply(fuller)
        if left < 0:
            spare //= 2
        else:
            reply, room, spare = fuller, room + spare, left
    return reply


def _lacks_something(reply: MemoryReply) -> bool:
    is_cut = any(turn.cut_from is not None for turn in reply.pending_turns)
    return bool(reply.left_out or reply.pending_omitted or is_cut)


def shorten_id(chat_id: str, tokens: int) -> str:
    """Cut a chat id that would take more than its share of a reply; its caller knows it whole."""
    shown = chat_id
    while shown and count_reply(MemoryReply(chat_id=shown)) - count_reply(NOBODY) > tokens:
        shown = shown[: len(shown) // 2]
    return shown if shown == chat_id else f"{shown}…"


def _fill(
    chat_id: str,
    snapshot: Snapshot,
    memory_tokens: int,
    recollection: Recollection | None,
    room: int,
    *,
    evidence: bool,
) -> MemoryReply:
    memory = snapshot.stored.memory
    size = size_of(memory, memory_tokens)
    envelope = MemoryReply(
        chat_id=chat_id,
        version=snapshot.stored.version,
        covers_seq=snapshot.done_seq,
        pending=snapshot.head_seq - snapshot.done_seq,
        lag_ms=snapshot.lag_ms,
        degraded=snapshot.stored.degraded,
        size=size,
        advice=ADVICE.get(size),
    )
    filling = _Filling(room - count_reply(envelope))
    kept = filling.set_aside(RECALL_SHARE if recollection else 0)
    confirmed = filling.take_facts(memory.user_confirmed, evidence=evidence)
    pending = filling.take_turns(snapshot.pending)
    recalled = filling.take_recalled(recollection, kept, pending) if recollection else ()
    told = drop_repeated(memory.general_summary, recalled)
    summary = filling.take_lines(told)
    inferred = filling.take_facts(memory.llm_inferred, evidence=evidence)
    left_out = {
        "user_confirmed": len(memory.user_confirmed) - len(confirmed),
        "general_summary": len(set(told.splitlines()) - set(summary.splitlines())),
        "llm_inferred": len(memory.llm_inferred) - len(inferred),
    }
    return envelope.model_copy(
        update={
            "user_confirmed": confirmed,
            "pending_turns": pending,
            "pending_omitted": _omitted(snapshot, pending),
            "general_summary": summary,
            "llm_inferred": inferred,
            "recall": recalled if recollection else None,
            "left_out": {field: count for field, count in left_out.items() if count} or None,
        }
    )


def size_of(memory: Memory, memory_tokens: int) -> Literal["ok", "near", "full"]:
    """Say how full a memory is of what nothing makes room for: the facts this chat's user stated.

    Whatever else it holds gives way to a new fact: the summary, assumptions, what was carried over from another chat.
    """
    own = [fact for fact in memory.user_confirmed if fact.origin is None]
    share = count_facts(own) / facts_room(memory_tokens)
    return "full" if share >= FULL_SHARE else "near" if share >= NEAR_SHARE else "ok"


def _omitted(snapshot: Snapshot, shown: Sequence[TurnReply]) -> Omitted | None:
    """Name the pending turns that are not shown: always the oldest ones."""
    first_shown = shown[0].seq if shown else snapshot.head_seq + 1
    first_pending = snapshot.done_seq + 1
    if first_shown == first_pending:
        return None
    return Omitted(first_seq=first_pending, last_seq=first_shown - 1, count=first_shown - first_pending)


class _Filling:
    """The room left, and how each kind of thing takes its share."""

    def __init__(self, room: int) -> None:
        self.room = room

    def _take(self, item: BaseModel | str) -> bool:
        """Take an item's tokens if there is room for them."""
        cost = count_tokens(item if isinstance(item, str) else render(item)) + ITEM_TOKENS
        if cost > self.room:
            return False
        self.room -= cost
        return True

    def set_aside(self, share: float) -> int:
        """Keep a share of the room for what is taken later, tokens."""
        kept = int(max(self.room, 0) * share)
        self.room -= kept
        return kept

    def take_recalled(
        self, recollection: Recollection, kept: int, pending: Sequence[TurnReply]
    ) -> tuple[Recalled, ...]:
        """Take what answers the query into the room that was kept for it, and give back what is left of that."""
        shown = {turn.seq: len(turn.content) - (turn.cut_from is not None) for turn in pending}
        recalled = recollection.pack(kept, shown)
        self.room += kept - sum(map(count_recalled, recalled))
        return recalled

    def take_facts(self, facts: Sequence[Fact], *, evidence: bool) -> dict[str, str | Evidence]:
        """Take the newest facts that fit, in their stored order."""
        shown: dict[str, tuple[int, str | Evidence]] = {}
        for place, fact in sorted(enumerate(facts), key=lambda item: -item[1].last_version):
            proof = prove(fact)
            key = fact.key if fact.key not in shown else f"{fact.key} ({fact.id})"
            if self._take(key) and self._take(proof if evidence else fact.value):
                shown[key] = (place, proof if evidence else fact.value)
        return {key: value for key, (_, value) in sorted(shown.items(), key=lambda item: item[1][0])}

    def take_turns(self, pending: Sequence[CutTurn]) -> tuple[TurnReply, ...]:
        """Take pending turns from the newest: whole while they fit, then shortened, never with a hole between.

        The newest, where it does not fit whole, has its share of the room.
        """
        shown: list[TurnReply] = []
        share = self._share_of(pending[-1]) if pending else 0
        limits = [None, share, SHORTENED_CHARACTERS, LEAST_CUT_CHARACTERS]
        for turn in reversed(pending):
            while limits and not self._take(cut(turn, limits[0])):
                limits.pop(0)
            if not limits:
                break
            shown.append(cut(turn, limits[0]))
            limits = [limit for limit in limits if limit != share]
        return tuple(reversed(shown))

    def _share_of(self, newest: CutTurn) -> int:
        """Guess how many characters of a turn fit its share of the room."""
        cost = count_tokens(render(cut(newest, None)))
        return max(SHORTENED_CHARACTERS + 1, int(len(newest.content) * NEWEST_SHARE * self.room / cost))

    def take_lines(self, text: str) -> str:
        """Take a text that fits, or those of its lines that cover most of it; prose goes by its sentences."""
        if self._take(text):
            return text
        lines = [
            replace(line, text=sentence)
            for line in parse_lines(text)
            for sentence in ([line.text] if line.role else split_sentences(line.text))
        ]
        shown = "\n".join(map(str, choose_lines(lines, self.room - ITEM_TOKENS)))
        return shown if self._take(shown) else ""


def prove(fact: Fact) -> Evidence:
    """Show a fact with what proves it, and since when and until when it was said."""
    return Evidence(
        value=fact.value,
        id=fact.id,
        basis=fact.basis,
        seq=fact.source_seq,
        quote=fact.quote,
        first_version=fact.first_version,
        last_version=fact.last_version,
        origin=fact.origin,
    )


def cut(turn: CutTurn, characters: int | None) -> TurnReply:
    """Show a turn whole, or its first `characters` with its full length beside them."""
    content = turn.content if characters is None else turn.content[:characters]
    whole = len(content) == turn.characters
    return TurnReply(
        seq=turn.seq,
        role=turn.role,
        content=content if whole else content + "…",
        attested=turn.attested if turn.role == "user" else None,
        cut_from=None if whole else turn.characters,
    )
