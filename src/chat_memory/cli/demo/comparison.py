"""What was promised against what is there: every function lists differences in words, none for a promise kept."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chat_memory.models import Message
from chat_memory.replies import Evidence, MemoryReply, TurnReply
from chat_memory.tools.placeholders import PLACEHOLDER


@dataclass(frozen=True, slots=True)
class Kept:
    """A receipt in the writer's own hands: which seqs were promised to which messages."""

    first_seq: int
    last_seq: int
    messages: tuple[Message, ...]


def compare(kept: Sequence[Kept], history: Sequence[TurnReply]) -> list[str]:
    """Compare every receipt with the history: role and content byte for byte, gap-free, nothing twice, nothing else."""
    return [*_compare_numbers(history), *_compare_contents(kept, history)]


def _compare_numbers(history: Sequence[TurnReply]) -> Iterator[str]:
    for expected, turn in enumerate(history, 1):
        if turn.seq != expected:
            yield f"the history is not gap-free: turn {turn.seq} stands where {expected} belongs"
            return


def _compare_contents(kept: Sequence[Kept], history: Sequence[TurnReply]) -> Iterator[str]:
    found = {turn.seq: turn for turn in history}
    promised: set[int] = set()
    for receipt in kept:
        if receipt.last_seq - receipt.first_seq + 1 != len(receipt.messages):
            named = f"turns {receipt.first_seq} to {receipt.last_seq}"
            yield f"a receipt names {named} for {len(receipt.messages)} messages"
        for seq, message in enumerate(receipt.messages, receipt.first_seq):
            if seq in promised:
                yield f"turn {seq} was promised twice"
            promised.add(seq)
            yield from _compare_turn(seq, message, found.get(seq))
    yield from (f"turn {seq} is in the history, but nobody wrote it" for seq in found if seq not in promised)


def _compare_turn(seq: int, message: Message, turn: TurnReply | None) -> Iterator[str]:
    if turn is None:
        yield f"turn {seq} was acknowledged and is not in the history"
    elif turn.role != message.role:
        yield f"turn {seq} was written by {message.role} and came back as {turn.role}'s"
    elif turn.content != message.content and not _is_redacted(message.content, turn.content):
        yield f"turn {seq} came back with another text"


def _is_redacted(written: str, stored: str) -> bool:
    """Tell whether two texts differ only where a placeholder stands for what is private."""
    kept = PLACEHOLDER.split(stored)
    return len(kept) > 1 and re.fullmatch(".+".join(map(re.escape, kept)), written, re.DOTALL) is not None


def list_misled(memory: MemoryReply, what: str, words: str) -> list[str]:
    """List the confirmed facts that hold words which must not be confirmed; `memory` comes with evidence."""
    return [
        f"{what} is confirmed: {key} = {fact.value}"
        for key, fact in read_proven(memory.user_confirmed)
        if words.casefold() in f"{key} {fact.value} {fact.quote}".casefold()
    ]


def list_unproven(memory: MemoryReply, history: Sequence[TurnReply]) -> list[str]:
    """List the confirmed facts whose quote does not stand, word for word, in the user's own turn."""
    said = {turn.seq: turn.content for turn in history if turn.role == "user"}
    return [
        f"{key} = {fact.value} is confirmed, but turn {fact.seq} is not the user's word for it"
        for key, fact in read_proven(memory.user_confirmed)
        if not fact.quote or fact.quote not in said.get(fact.seq, "")
    ]


def read_proven(facts: Mapping[str, str | Evidence]) -> list[tuple[str, Evidence]]:
    """List the facts of a reply that was asked for with evidence."""
    return [(key, fact) for key, fact in facts.items() if isinstance(fact, Evidence)]
