"""The gate: code, not a prompt, decides what becomes memory, by seven rules (shared notes, anthropic-sdk.md).

1. A fact cites a turn of its fold, or one that proves a fact already; to be confirmed, an attested user turn.
2. Its quote is whole clauses of that turn, and the value's own words stand in it side by side.
3. What the user only said yes to, what the assistant said and what was concluded are assumptions.
4. A fact gives way to the later word on the same key only; what was confirmed, to the user's own words, or to an
   assumption: the offer they took when it could not be had. What a person rejected does not return from what was said
   before.
5. The memory fits its cap: assumptions go first, oldest first; a confirmed fact never goes.
6. What reads like an instruction to a model is quarantined: kept with the version, never in the memory.
7. A summary that is none, repeats the prompt's examples or forgets without need is a failed fold.

`RULES` and `admit` have them by name; `proof`, `quotes`, `revision`, `instructions` and `summaries` say how each
decides. Pure: the same memory, delta and turns give the same answer. It runs at the draft and again at the
write, where the memory may be newer, so a proposal that names a fact no longer there loses its target, never more.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from chat_memory.errors import RejectedDeltaError
from chat_memory.models import Delta, Memory, Turn
from chat_memory.prompts.proof import (
    Case,
    Evidence,
    Verdict,
    accept_offer,
    assume,
    confirm_affirmed,
    confirm_stated,
    quarantine_instruction,
    refuse_echo,
    refuse_malformed,
    refuse_uncited,
)
from chat_memory.prompts.revision import Admitted, Revision
from chat_memory.prompts.summaries import COMPACT_SHARE, check_echoes, check_summary, quarantine_lines
from chat_memory.prompts.tokens import CAP_SHARE, count_facts, facts_room

__all__ = ["MAX_PROPOSALS", "Admitted", "admit", "weigh"]

MAX_PROPOSALS = 256
"""Most proposals of one fold that are judged: a legal one has dozens, and the server waits for the gate."""

Rule: TypeAlias = Callable[[Case], Verdict | None]
RULES: tuple[Rule, ...] = (
    refuse_malformed,
    refuse_uncited,  # rule 1
    refuse_echo,  # rule 7, of facts
    confirm_stated,  # rules 1 and 2
    confirm_affirmed,  # rule 3
    accept_offer,  # rule 4
    assume,  # rule 3
)
"""What decides over one proposal: the first that speaks is heard. Rule 6 looks at whatever they let in."""

_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")


def weigh(case: Case) -> Verdict:
    """Judge an add, confirm or supersede."""
    verdict = next(verdict for rule in RULES if (verdict := rule(case)) is not None)
    return quarantine_instruction(case, verdict) if verdict.field else verdict  # rule 6


def admit(
    memory: Memory,
    delta: Delta,
    turns: Mapping[int, Turn],
    *,
    version: int,
    memory_tokens: int,
    factor: float = 1.0,
    forbidden_echoes: Sequence[str] = (),
    affirmed_confirms: bool = False,
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
    evidence = Evidence(turns, echoes=forbidden_echoes, affirmed_confirms=affirmed_confirms)
    for proposal in delta.facts[:MAX_PROPOSALS]:
        if proposal.op == "retract":
            revision.retract(proposal, evidence)  # rules 1, 2 and 4
        else:
            known = revision.find_confirmed(proposal.key)
            case = Case(proposal, evidence, known, list(revision.confirmed.values()))
            verdict = revision.refuse_rejected(proposal) or weigh(case)
            revision.settle(proposal, verdict)  # rule 4
    revision.refuse_rest(delta.facts[MAX_PROPOSALS:], f"beyond the first {MAX_PROPOSALS} proposals of a fold")
    summary = memory.general_summary
    if delta.summary is not None:
        proposed = revision.withhold(*quarantine_lines(delta.summary.strip(), summary))  # rule 6
        if proposed is not None:
            _check_summary(memory, proposed, revision, evidence)  # rule 7
            summary = proposed
    return revision.close(memory.general_summary, summary)  # rule 5


def _check_summary(memory: Memory, summary: str, revision: Revision, evidence: Evidence) -> None:
    check_echoes(summary, evidence.echoes, [turn.content for turn in evidence.turns.values()])
    room = min(
        int(revision.limit * COMPACT_SHARE),
        revision.limit - count_facts(memory.user_confirmed),
        revision.summary_room(),
    )
    check_summary(memory.general_summary, summary, revision.texts(), room)


def _check_characters(delta: Delta) -> None:
    texts = [text for fact in delta.facts for text in (fact.key, fact.value, fact.quote, fact.replaces)]
    if any(_FORBIDDEN.search(text) for text in [*texts, delta.summary or ""]):
        raise RejectedDeltaError(reason="NUL or a lone surrogate, which PostgreSQL cannot store")
