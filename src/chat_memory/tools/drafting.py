"""Making a draft: what pending turns become before it is written. A model is asked first, extraction stands behind."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from chat_memory.errors import (
    BudgetSpentError,
    ChatBusyError,
    DatabaseUnreachableError,
    LostLeaseError,
    ModelAvoidedError,
    ModelRefusedError,
    SettingsError,
)
from chat_memory.models import Delta, Draft, Memory, Turn
from chat_memory.prompts.gate import Admitted, admit
from chat_memory.prompts.pacing import run_paced
from chat_memory.prompts.summarizer import FoldRequest, Summarizer
from chat_memory.storage import chat_metadata, chat_work, turns
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Session
from chat_memory.telemetry import Event, log
from chat_memory.tools.budget import refuse_beyond_budget
from chat_memory.tools.toolbox import Toolbox

LOST_WORKERS = 10
"""So many leases in a row that nobody handed back: what kills the workers may be what the model makes of this chat."""


async def make_draft(box: Toolbox, claim: Claim) -> Draft | None:
    """Take the draft a crash left behind, or ask a summarizer and keep its answer before it is written; None: no turns.

    Raises:
        FoldError: no summarizer gave one that can be written.
    """
    if claim.draft is not None and claim.draft.upto_seq > claim.cursor.done_seq:
        return claim.draft
    limit = box.settings.model_fold_bytes if box.fallback else box.settings.fold_bytes
    stored, pending = await box.db.run(lambda session: _read_request(session, claim, limit))
    if not pending:
        return None
    request = FoldRequest(stored.memory, stored.version, pending, box.settings.memory_tokens)
    if box.fallback is None:
        return await _ask(box, claim, stored, request, box.summarizer)
    try:
        await _refuse_to_ask(box, claim)
        return await _ask(box, claim, stored, request, box.summarizer)
    except (DatabaseUnreachableError, ChatBusyError, LostLeaseError):
        raise
    except Exception as error:
        if not _is_given_up(box, claim, error):
            raise
        log(Event.FOLD_DEGRADED, level=logging.WARNING, error=error, bucket=claim.key.bucket)
    return await _ask(box, claim, stored, request, box.fallback, degraded=True)


async def _refuse_to_ask(box: Toolbox, claim: Claim) -> None:
    """Spare the model what it cannot help, and the budget what it does not hold."""
    if claim.lease_expiries >= LOST_WORKERS:
        raise ModelAvoidedError(reason=f"{claim.lease_expiries} workers in a row were lost while they folded this chat")
    if claim.attempts >= box.settings.max_attempts:
        raise ModelAvoidedError(reason=f"{claim.attempts} folds of this chat failed")
    await refuse_beyond_budget(box)


def _is_given_up(box: Toolbox, claim: Claim, error: Exception) -> bool:
    """Tell whether extraction folds now: nothing is gained by asking again, or the turns have waited long enough."""
    if isinstance(error, ModelRefusedError | BudgetSpentError | ModelAvoidedError | SettingsError):
        return True
    late = claim.waited >= timedelta(seconds=box.settings.fallback_after_seconds)
    return late or claim.attempts + 1 >= box.settings.max_attempts


async def _read_request(session: Session, claim: Claim, limit_bytes: int) -> tuple[StoredMemory, list[Turn]]:
    stored = await chat_metadata.read_memory(session, claim.key)
    return stored, await turns.read_pending_turns(session, claim.key, claim.cursor.done_seq, limit_bytes)


async def _ask(
    box: Toolbox,
    claim: Claim,
    stored: StoredMemory,
    request: FoldRequest,
    summarizer: Summarizer,
    *,
    degraded: bool = False,
) -> Draft:
    proposal = await summarizer.fold(request)
    draft = Draft(
        base_version=stored.version,
        upto_seq=request.turns[-1].seq,
        delta=proposal.delta,
        summarizer=summarizer.name,
        model=summarizer.model,
        usage=proposal.usage,
        degraded=degraded,
    )
    await box.db.run(lambda session: _store_if_admissible(box, session, claim, stored, draft))
    return draft


async def _store_if_admissible(
    box: Toolbox, session: Session, claim: Claim, stored: StoredMemory, draft: Draft
) -> None:
    """Store a draft the gate does not refuse as a whole: a refused answer is worth another question, not a crash."""
    await admit_draft(box, session, claim, stored, draft)
    if not await chat_work.store_draft(session, claim, draft):
        raise LostLeaseError


async def admit_draft(box: Toolbox, session: Session, claim: Claim, stored: StoredMemory, draft: Draft) -> Admitted:
    """Run the gate against a memory, with the turns this draft may lean on.

    Raises:
        RejectedDeltaError: nothing of it can be admitted.
    """
    cited = await _read_cited(session, claim, stored.memory, draft)
    version, cap, echoes = stored.version + 1, box.settings.memory_tokens, box.summarizer.echoes
    decide = partial(
        admit, stored.memory, draft.delta, cited, version=version, memory_tokens=cap, forbidden_echoes=echoes
    )
    said = sum(len(turn.content) for turn in cited.values())
    return await run_paced(decide, said + _count_characters(draft.delta))


async def _read_cited(session: Session, claim: Claim, memory: Memory, draft: Draft) -> Mapping[int, Turn]:
    """Read the turns a delta may lean on: those of this fold, and those that already prove a fact."""
    first, last = claim.cursor.done_seq + 1, draft.upto_seq
    evidence = {fact.source_seq for fact in (*memory.user_confirmed, *memory.llm_inferred)}
    return await turns.read_turns(session, claim.key, _cited(draft.delta, evidence.union(range(first, last + 1))))


def _count_characters(delta: Delta) -> int:
    return len(delta.summary or "") + sum(len(fact.value) + len(fact.quote) for fact in delta.facts)


def _cited(delta: Delta, allowed: set[int]) -> set[int]:
    return {proposed.source_seq for proposed in delta.facts} & allowed
