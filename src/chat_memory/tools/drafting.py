"""Making a draft: what pending turns become before it is written. A model is asked first, extraction stands behind."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import perf_counter

import anyio.lowlevel

from chat_memory.errors import (
    BudgetSpentError,
    ChatBusyError,
    DatabaseUnreachableError,
    LostLeaseError,
    ModelAvoidedError,
    ModelRefusedError,
    SettingsError,
)
from chat_memory.models import Delta, Draft, Turn
from chat_memory.prompts.gate import admit
from chat_memory.prompts.pacing import run_paced
from chat_memory.prompts.summarizer import FoldRequest, Summarizer
from chat_memory.prompts.tokens import count_memory
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Session
from chat_memory.storage.folds import Next
from chat_memory.storage.startings import Reading, Starting
from chat_memory.telemetry import Event, log
from chat_memory.tools.budget import refuse_beyond_budget
from chat_memory.tools.calibrating import calibrate
from chat_memory.tools.citing import Read, read_cited, read_question, reading
from chat_memory.tools.toolbox import Toolbox

LOST_WORKERS = 10
"""So many leases in a row that nobody handed back: what kills the workers may be what the model makes of this chat."""


PACE_SECONDS = 0.002
"""How long chats are drafted one after another before everybody else in this process has a turn."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft of a claimed chat, and what it makes of the memory it was checked against."""

    claim: Claim
    draft: Draft
    next: Next


async def read_startings(box: Toolbox, claims: Sequence[Claim]) -> Sequence[Starting]:
    """Read what folds of one bucket start from, within the budget of a fold."""
    limit = box.settings.model_fold_bytes if box.fallback else box.settings.fold_bytes
    return await box.folds.read([Reading(claim, limit) for claim in claims])


def count_pending(starting: Starting) -> int:
    """Count the characters a fold has to read."""
    return sum(len(turn.content) for turn in starting.pending)


async def make_drafts(box: Toolbox, part: Sequence[tuple[Claim, Starting]]) -> Sequence[Drafted | Exception | None]:
    """Draft chats of one bucket, one after another, and keep the answers before they are written.

    Of each its draft, why there is none, or None when nothing was pending.
    """
    made: list[Drafted | Exception | None] = []
    began = perf_counter()
    for claim, starting in part:
        try:
            made.append(await _make_draft(box, claim, starting))
        except Exception as error:  # noqa: BLE001 - told with its chat, and no other's
            made.append(error)
        if perf_counter() - began > PACE_SECONDS:
            await anyio.lowlevel.checkpoint()
            began = perf_counter()
    fresh = [item for item in made if isinstance(item, Drafted) and item.draft is not item.claim.draft]
    kept = await box.folds.store_drafts([(item.claim, item.draft) for item in fresh])
    lost = {item.claim.key for item, held in zip(fresh, kept, strict=True) if not held}
    return [LostLeaseError() if isinstance(item, Drafted) and item.claim.key in lost else item for item in made]


async def _make_draft(box: Toolbox, claim: Claim, starting: Starting) -> Drafted | None:
    """Take the draft a crash left behind, or ask a summarizer; None: no turns.

    Raises:
        FoldError: no summarizer gave one that can be written.
        ValueError: what stands there is no memory of ours.
    """
    if starting.failure is not None:
        raise starting.failure
    if claim.draft is not None and claim.draft.upto_seq > claim.cursor.done_seq:
        return Drafted(claim, claim.draft, await _admit_first(box, claim, starting, claim.draft))
    if not starting.pending:
        return None
    stored, pending = starting.stored, starting.pending
    question = await read_question(reading(box, claim.key), pending)
    request = FoldRequest(stored.memory, stored.version, pending, box.settings.memory_tokens, question)
    if box.fallback is None:
        return await _ask(box, claim, starting, request, box.summarizer)
    try:
        await _refuse_to_ask(box, claim)
        return await _ask(box, claim, starting, request, box.summarizer)
    except (DatabaseUnreachableError, ChatBusyError, LostLeaseError):
        raise
    except Exception as error:
        if not _is_given_up(box, claim, error):
            raise
        log(Event.FOLD_DEGRADED, level=logging.WARNING, error=error, bucket=claim.key.bucket)
    return await _ask(box, claim, starting, request, box.fallback, degraded=True)


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


async def _ask(
    box: Toolbox,
    claim: Claim,
    starting: Starting,
    request: FoldRequest,
    summarizer: Summarizer,
    *,
    degraded: bool = False,
) -> Drafted:
    """Ask, and take what the gate does not refuse as a whole: a refused answer is worth another question."""
    proposal = await summarizer.fold(request)
    draft = Draft(
        base_version=request.base_version,
        upto_seq=request.turns[-1].seq,
        delta=proposal.delta,
        summarizer=summarizer.name,
        model=summarizer.model,
        usage=proposal.usage,
        degraded=degraded,
        counting=await calibrate(box, summarizer.model, proposal.usage),
    )
    return Drafted(claim, draft, await _admit_first(box, claim, starting, draft, request.question))


async def _admit_first(
    box: Toolbox, claim: Claim, starting: Starting, draft: Draft, question: Turn | None = None
) -> Next:
    """Run the gate against the memory the fold starts from, with the turns it has read, and others only if cited."""
    known = {turn.seq: turn for turn in (question, *starting.pending) if turn is not None}
    return await _admit(box, reading(box, claim.key), claim, starting.stored, draft, known)


async def admit_draft(box: Toolbox, session: Session, claim: Claim, stored: StoredMemory, draft: Draft) -> Next:
    """Run the gate against a memory, with the turns this draft may lean on.

    Raises:
        RejectedDeltaError: nothing of it can be admitted.
    """
    return await _admit(box, reading(box, claim.key, session), claim, stored, draft, {})


async def _admit(
    box: Toolbox, read: Read, claim: Claim, stored: StoredMemory, draft: Draft, known: Mapping[int, Turn]
) -> Next:
    own = range(claim.cursor.done_seq + 1, draft.upto_seq + 1)
    cited = await read_cited(box, read, stored.memory, draft.delta, own, known)
    version, cap, echoes = stored.version + 1, box.settings.memory_tokens, box.summarizer.echoes
    decide = partial(
        admit,
        stored.memory,
        draft.delta,
        cited,
        version=version,
        memory_tokens=cap,
        factor=draft.counting.factor,
        forbidden_echoes=echoes,
        affirmed_confirms=box.settings.affirmed_confirms,
    )
    said = sum(len(turn.content) for turn in cited.values())
    admitted = await run_paced(decide, said + _count_characters(draft.delta))
    still_degraded = stored.degraded and claim.cursor.done_seq > 0  # what was carried over this fold has looked at
    after = StoredMemory(version, admitted.memory, degraded=still_degraded or draft.degraded)
    return Next(stored.version, after, count_memory(admitted.memory), admitted.change)


def _count_characters(delta: Delta) -> int:
    return len(delta.summary or "") + sum(len(fact.value) + len(fact.quote) for fact in delta.facts)
