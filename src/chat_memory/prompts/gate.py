"""The gate: code, not a prompt, decides what becomes memory (rules 1-5 and 7, shared notes anthropic-sdk.md).

Pure: the same memory, delta and turns give the same answer. It runs at the draft and again at the write, where the
memory may be newer, so a proposal that names a fact no longer there loses its target, never more.
"""

import re
from collections.abc import Mapping, Sequence

from chat_memory.errors import RejectedDeltaError
from chat_memory.models import Delta, Memory, Turn
from chat_memory.prompts.proof import Evidence
from chat_memory.prompts.revision import Admitted, Revision
from chat_memory.prompts.summaries import COMPACT_SHARE, check_echoes, check_summary
from chat_memory.prompts.tokens import CAP_SHARE, count_facts, facts_room

__all__ = ["MAX_PROPOSALS", "Admitted", "admit"]

MAX_PROPOSALS = 256
"""Most proposals of one fold that are judged: a legal one has dozens, and the server waits for the gate."""

_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")


def admit(
    memory: Memory,
    delta: Delta,
    turns: Mapping[int, Turn],
    *,
    version: int,
    memory_tokens: int,
    factor: float = 1.0,
    forbidden_echoes: Sequence[str] = (),
) -> Admitted:
    """Apply what a delta proves, demote what it only claims, and name everything that gave way.

    `turns` holds, by seq, the turns of the fold and those existing facts cite; `version` is the one being written;
    `memory_tokens` caps the whole memory, of which `CAP_SHARE` is used, and less where a model counts `factor` times as
    many tokens as we do: never more, so that a wrong factor cannot break the cap.

    Raises:
        RejectedDeltaError: the whole fold fails: forbidden characters, or a summary that is none (rule 7).
    """
    _check_characters(delta)
    limit = int(memory_tokens * CAP_SHARE / max(factor, 1.0))
    revision = Revision.of(memory, version, limit, facts_room(memory_tokens))
    evidence = Evidence(turns)
    for proposal in delta.facts[:MAX_PROPOSALS]:
        revision.settle(proposal, evidence)
    revision.refuse_rest(delta.facts[MAX_PROPOSALS:], f"beyond the first {MAX_PROPOSALS} proposals of a fold")
    summary = memory.general_summary if delta.summary is None else delta.summary.strip()
    if delta.summary is not None:
        check_echoes(summary, forbidden_echoes, [turn.content for turn in turns.values()])
        room = min(int(limit * COMPACT_SHARE), limit - count_facts(memory.user_confirmed), revision.summary_room())
        check_summary(memory.general_summary, summary, revision.texts(), room)
    return revision.close(memory.general_summary, summary)


def _check_characters(delta: Delta) -> None:
    texts = [text for fact in delta.facts for text in (fact.key, fact.value, fact.quote, fact.replaces)]
    if any(_FORBIDDEN.search(text) for text in [*texts, delta.summary or ""]):
        raise RejectedDeltaError(reason="NUL or a lone surrogate, which PostgreSQL cannot store")
