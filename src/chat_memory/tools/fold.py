"""A fold: claimed chat in, committed version out. Called by the worker and by summarize, exposed to nobody."""

import contextlib
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import anyio

from chat_memory.errors import ChatMemoryError, DatabaseUnreachableError, FoldError, LostLeaseError
from chat_memory.models import Delta, Draft, Memory, Turn
from chat_memory.prompts.gate import Admitted, admit
from chat_memory.prompts.pacing import run_paced
from chat_memory.prompts.summarizer import FoldRequest
from chat_memory.prompts.tokens import count_memory
from chat_memory.storage import bell, chat_metadata, chat_work, memory_versions, turns
from chat_memory.storage.bell import Ring
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Session
from chat_memory.telemetry import Event, log
from chat_memory.tools.toolbox import Toolbox

LONGEST_BACKOFF_SECONDS = 300.0
"""A failing chat is tried at least this often until its attempts are used up."""
GIVE_UP_SECONDS = 5.0
"""How long giving a lease back may take at shutdown; it expires by itself anyway."""


async def fold(box: Toolbox, claim: Claim) -> int:
    """Fold the claimed chat's oldest pending turns into its memory and return the seq it now covers.

    Whatever happens, the claim ends here: written, handed back when cancelled, or counted as failed.

    Raises:
        FoldError: nothing was written; the turns stay pending and are tried again after a back-off.
        DatabaseUnreachableError: what was written is unknown to us and known to the fence: the next claim sees it.
    """
    try:
        async with _renewed(box, claim):
            draft = await _draft(box, claim)
            return await _write(box, claim, draft)
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(GIVE_UP_SECONDS, shield=True):
            await _hand_back(box, claim)
        raise
    except LostLeaseError:
        log(Event.LEASE_LOST, bucket=claim.key.bucket)
        raise
    except DatabaseUnreachableError:
        with anyio.move_on_after(GIVE_UP_SECONDS):  # if the write did commit, the token is gone and this does nothing
            await _hand_back(box, claim)
        raise
    except Exception as error:
        await _record_failure(box, claim, error)
        if isinstance(error, FoldError):
            raise
        raise FoldError from error


@asynccontextmanager
async def _renewed(box: Toolbox, claim: Claim) -> AsyncGenerator[None]:
    """Keep the lease while the model works; a lost lease cancels the work and becomes a LostLeaseError."""
    lost = False
    failure: Exception | None = None

    async def renew() -> None:
        nonlocal lost
        while not lost:
            await anyio.sleep(box.settings.lease_seconds / 3)
            with contextlib.suppress(DatabaseUnreachableError):
                lost = not await box.db.run(lambda session: chat_work.renew_lease(session, claim, box.lease))
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(renew)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below, outside the group that would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    if lost:
        raise LostLeaseError


async def _draft(box: Toolbox, claim: Claim) -> Draft:
    """Take the draft a crash left behind, or ask the summarizer and keep its answer before it is written."""
    if claim.draft is not None and claim.draft.upto_seq > claim.cursor.done_seq:
        return claim.draft
    stored, pending = await box.db.run(lambda session: _read_request(session, claim, box.settings.fold_bytes))
    if not pending:  # due without turns: giving the lease back clears that
        await _hand_back(box, claim)
        raise LostLeaseError
    request = FoldRequest(stored.memory, stored.version, pending, box.settings.memory_tokens)
    proposal = await box.summarizer.fold(request)
    draft = Draft(
        base_version=stored.version,
        upto_seq=pending[-1].seq,
        delta=proposal.delta,
        summarizer=box.summarizer.name,
        model=box.summarizer.model,
        usage=proposal.usage,
    )
    await box.db.run(lambda session: _store_if_admissible(box, session, claim, stored, draft))
    return draft


async def _read_request(session: Session, claim: Claim, limit_bytes: int) -> tuple[StoredMemory, list[Turn]]:
    stored = await chat_metadata.read_memory(session, claim.key)
    return stored, await turns.read_pending_turns(session, claim.key, claim.cursor.done_seq, limit_bytes)


async def _store_if_admissible(
    box: Toolbox, session: Session, claim: Claim, stored: StoredMemory, draft: Draft
) -> None:
    """Store a draft the gate does not refuse as a whole: a refused answer is worth another question, not a crash."""
    await _admit(box, session, claim, stored, draft)
    if not await chat_work.store_draft(session, claim, draft):
        raise LostLeaseError


async def _admit(box: Toolbox, session: Session, claim: Claim, stored: StoredMemory, draft: Draft) -> Admitted:
    """Run the gate against a memory, with the turns this draft may lean on."""
    cited = await _read_cited(session, claim, stored.memory, draft)
    version, cap = stored.version + 1, box.settings.memory_tokens
    decide = partial(admit, stored.memory, draft.delta, cited, version=version, memory_tokens=cap)
    return await run_paced(decide, sum(len(turn.content) for turn in cited.values()))


async def _write(box: Toolbox, claim: Claim, draft: Draft) -> int:
    """Apply the draft to the memory as it is now: fence, gate again, memory, version and cursor in one transaction."""

    async def write(session: Session) -> timedelta:
        cursor = await chat_work.hold_lease(session, claim)
        if cursor is None:
            raise LostLeaseError
        stored = await chat_metadata.read_memory(session, claim.key)
        admitted = await _admit(box, session, claim, stored, draft)
        version = stored.version + 1
        after = StoredMemory(version, admitted.memory)
        await chat_metadata.write_memory(session, claim.key, after, count_memory(admitted.memory))
        span = (cursor.done_seq + 1, draft.upto_seq)
        await memory_versions.keep_version(session, claim.key, version, span, admitted.change, admitted.memory, draft)
        waited = await chat_work.finish_fold(session, claim, draft.upto_seq)
        await bell.ring(session, Ring(claim.key, grew=False))
        return waited

    waited = await box.db.transact(write)
    box.pace.record(waited)
    box.bell.announce(Ring(claim.key, grew=False))
    log(Event.MEMORY_WRITTEN, bucket=claim.key.bucket, turns=draft.upto_seq - claim.cursor.done_seq)
    return draft.upto_seq


async def _read_cited(session: Session, claim: Claim, memory: Memory, draft: Draft) -> Mapping[int, Turn]:
    """Read the turns a delta may lean on: those of this fold, and those that already prove a fact."""
    first, last = claim.cursor.done_seq + 1, draft.upto_seq
    evidence = {fact.source_seq for fact in (*memory.user_confirmed, *memory.llm_inferred)}
    return await turns.read_turns(session, claim.key, _cited(draft.delta, evidence.union(range(first, last + 1))))


def _cited(delta: Delta, allowed: set[int]) -> set[int]:
    return {proposed.source_seq for proposed in delta.facts} & allowed


async def _hand_back(box: Toolbox, claim: Claim) -> None:
    await box.db.run(lambda session: chat_work.hand_back_lease(session, claim))
    log(Event.FOLD_HANDED_BACK, bucket=claim.key.bucket)


async def _record_failure(box: Toolbox, claim: Claim, error: Exception) -> None:
    """Count the failure; its text is ours, never a stranger's exception that could quote a turn."""
    reason = str(error) if isinstance(error, ChatMemoryError) else type(error).__name__
    delay = min(box.settings.backoff_seconds * 2**claim.attempts, LONGEST_BACKOFF_SECONDS)
    backoff = timedelta(seconds=random.uniform(0, delay))  # noqa: S311 - jitter, not a secret
    limit = box.settings.max_attempts
    failed = await box.db.run(lambda session: chat_work.record_failure(session, claim, reason, backoff, limit))
    log(Event.CHAT_FAILED if failed else Event.FOLD_FAILED, error=error, bucket=claim.key.bucket)
