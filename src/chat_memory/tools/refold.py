"""A re-fold: the model looks at turns extraction folded, and its version takes the place of that one."""

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import anyio

from chat_memory.errors import (
    BudgetSpentError,
    ChatMemoryError,
    DatabaseUnreachableError,
    FoldError,
    LostLeaseError,
    ModelBusyError,
    ModelRefusedError,
    SettingsError,
)
from chat_memory.models import Draft, Provisional, Turn
from chat_memory.prompts.pacing import run_paced
from chat_memory.prompts.replacement import admit_replacement, undo
from chat_memory.prompts.summarizer import FoldRequest
from chat_memory.prompts.tokens import count_memory
from chat_memory.storage import chat_metadata, refolds, turns
from chat_memory.storage.bell import Ring
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Session
from chat_memory.storage.folds import Next, Writing
from chat_memory.telemetry import Event, log
from chat_memory.tools.budget import refuse_beyond_budget
from chat_memory.tools.calibrating import calibrate
from chat_memory.tools.citing import read_cited, read_question, reading
from chat_memory.tools.fold import DEFER_JITTER, GIVE_UP_SECONDS
from chat_memory.tools.toolbox import Toolbox

LONGEST_BACKOFF_SECONDS = 3600.0
"""A version the model could not replace is tried at least this often until its tries are used up."""
QUIET_SECONDS = 60.0
"""How long nothing is re-folded when nobody can be asked: a refused key, a spent budget, a missing setting."""
NOBODY_TO_ASK = (ModelBusyError, ModelRefusedError, BudgetSpentError, SettingsError)
"""Failures that are no chat's: they are not counted."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a re-fold works on: the version to replace, its turns by seq, and the memory as it stands.

    `question` is the turn before them, where they open with the user's yes to it.
    """

    provisional: Provisional
    spoken: Mapping[int, Turn]
    stored: StoredMemory
    question: Turn | None


@dataclass(frozen=True, slots=True)
class Refolding:
    """A draft that is stored, what it was made of, and what it makes of the memory it was checked against."""

    material: Material
    draft: Draft
    next: Next


async def refold(box: Toolbox, claim: Claim) -> None:
    """Put the model's version in the place of the oldest one extraction made in this chat.

    Whatever happens, the claim ends here, and nothing is counted against the chat's new turns.

    Raises:
        ModelBusyError: the model takes no requests now. Likewise ModelRefusedError, BudgetSpentError, SettingsError.
        FoldError: nothing was written; the version stays as it is and is tried again after a back-off, if at all.
        DatabaseUnreachableError: what was written is unknown to us and known to the fence: the next claim sees it.
    """
    try:
        with box.leases.hold([claim]):
            refolding = await _prepare(box, claim)
        await _write(box, claim, refolding)
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(GIVE_UP_SECONDS, shield=True):
            await _hand_back(box, claim)
        raise
    except LostLeaseError:
        log(Event.LEASE_LOST, bucket=claim.key.bucket)
        raise
    except NOBODY_TO_ASK:
        await _hand_back(box, claim)
        raise
    except DatabaseUnreachableError:
        with anyio.move_on_after(GIVE_UP_SECONDS):  # if the write did commit, the token is gone and this does nothing
            await _hand_back(box, claim)
        raise
    except Exception as error:
        await _record_failure(box, claim, error)
        if isinstance(error, ChatMemoryError):
            raise
        raise FoldError from error


def quiet_seconds(error: ChatMemoryError) -> float:
    """Tell how long this process should leave the model alone after a failure; another may have a better key."""
    seconds = error.seconds if isinstance(error, ModelBusyError) else QUIET_SECONDS
    jitter = random.uniform(1, 1 + DEFER_JITTER)  # noqa: S311 - not a secret
    return seconds * jitter if isinstance(error, NOBODY_TO_ASK) else 0.0


async def _prepare(box: Toolbox, claim: Claim) -> Refolding | None:
    """Take the answer a crash left behind, or ask the model and keep its answer; None: nothing is left to look at."""
    material = await box.db.run(partial(_read, claim=claim))
    if material is None:
        return None
    draft = claim.draft
    if draft is not None and draft.replaces_version == material.provisional.version:
        return Refolding(material, draft, await _admit(box, claim, material, material.stored, draft))
    draft = await _ask(box, material)
    following = await _admit(box, claim, material, material.stored, draft)
    if not await box.db.run(partial(refolds.store_refold_draft, claim=claim, draft=draft)):
        raise LostLeaseError
    return Refolding(material, draft, following)


async def _write(box: Toolbox, claim: Claim, refolding: Refolding | None) -> None:
    """Write what was made: fence, memory, version and cursor in one transaction."""
    if refolding is None:
        await box.db.run(lambda session: refolds.finish_refold(session, claim, None))
        return
    material, draft = refolding.material, refolding.draft

    async def again(session: Session, newer: StoredMemory) -> Next:
        return await _admit(box, claim, material, newer, draft, session)

    writing = Writing(claim, draft, refolding.next, again)
    await box.db.transact(lambda session: refolds.write_refold(session, writing, material.provisional))
    box.bell.announce(Ring(claim.key, grew=False))
    log(Event.MEMORY_REFOLDED, bucket=claim.key.bucket, turns=len(material.spoken))


async def _read(session: Session, claim: Claim) -> Material | None:
    """Read what there is to look at again; while the lease stands no fold changes it."""
    provisional = await refolds.find_provisional(session, claim.key)
    if provisional is None:
        return None
    stored = await chat_metadata.read_memory(session, claim.key)
    spoken = await turns.read_turns(session, claim.key, range(provisional.from_seq, provisional.covers_seq + 1))
    question = await read_question(partial(turns.read_turns, session, claim.key), list(spoken.values()))
    return Material(provisional, spoken, stored, question)


async def _ask(box: Toolbox, material: Material) -> Draft:
    """Ask the model about the turns of the version, with the memory as it would be without it.

    Raises:
        ModelError: it gave no answer.
    """
    await refuse_beyond_budget(box)
    stored, provisional, cap = material.stored, material.provisional, box.settings.memory_tokens
    shown = undo(stored.memory, stored.version, provisional, cap)
    spoken = list(material.spoken.values())
    proposal = await box.summarizer.fold(FoldRequest(shown, stored.version, spoken, cap, material.question))
    return Draft(
        base_version=stored.version,
        upto_seq=provisional.covers_seq,
        delta=proposal.delta,
        summarizer=box.summarizer.name,
        model=box.summarizer.model,
        usage=proposal.usage,
        replaces_version=provisional.version,
        counting=await calibrate(box, box.summarizer.model, proposal.usage),
    )


async def _admit(
    box: Toolbox, claim: Claim, material: Material, stored: StoredMemory, draft: Draft, session: Session | None = None
) -> Next:
    """Run the gate against a memory, with the turns of the version and those that prove a fact already.

    Raises:
        RejectedDeltaError: nothing of the draft can be admitted.
    """
    own = range(material.provisional.from_seq, material.provisional.covers_seq + 1)
    read = reading(box, claim.key, session)
    known = {turn.seq: turn for turn in (material.question, *material.spoken.values()) if turn is not None}
    cited = await read_cited(box, read, stored.memory, draft.delta, own, known)
    version = stored.version + 1
    decide = partial(
        admit_replacement,
        stored.memory,
        material.provisional,
        draft.delta,
        cited,
        base_version=draft.base_version,
        version=version,
        memory_tokens=box.settings.memory_tokens,
        factor=draft.counting.factor,
        forbidden_echoes=box.summarizer.echoes,
        affirmed_confirms=box.settings.affirmed_confirms,
    )
    admitted = await run_paced(decide, sum(len(turn.content) for turn in cited.values()))
    after = StoredMemory(version, admitted.memory, degraded=stored.degraded)
    return Next(stored.version, after, count_memory(admitted.memory), admitted.change)


async def _hand_back(box: Toolbox, claim: Claim) -> None:
    await box.db.run(lambda session: refolds.hand_back_refold(session, claim))
    log(Event.FOLD_HANDED_BACK, bucket=claim.key.bucket)


async def _record_failure(box: Toolbox, claim: Claim, error: Exception) -> None:
    """Wait before the next try, longer each time; after the last one the version stays as it is."""
    delay = min(box.settings.refold_seconds * 2**claim.attempts, LONGEST_BACKOFF_SECONDS)
    backoff = timedelta(seconds=delay * random.uniform(0.5, 1))  # noqa: S311 - jitter, not a secret
    abandoned = await box.db.run(lambda session: refolds.fail_refold(session, claim, backoff))
    if abandoned:
        log(Event.REFOLD_ABANDONED, level=logging.WARNING, error=error, bucket=claim.key.bucket)
    else:
        log(Event.REFOLD_FAILED, error=error, bucket=claim.key.bucket)
