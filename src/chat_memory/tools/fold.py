"""A fold: claimed chat in, committed version out. Called by the worker and by summarize, exposed to nobody."""

import random
from datetime import timedelta

import anyio

from chat_memory.errors import ChatMemoryError, DatabaseUnreachableError, FoldError, LostLeaseError, ModelBusyError
from chat_memory.storage import chat_work
from chat_memory.storage.bell import Ring
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Session
from chat_memory.storage.folds import Next, Writing
from chat_memory.telemetry import Event, log
from chat_memory.tools.drafting import Drafted, admit_draft, make_draft
from chat_memory.tools.toolbox import Toolbox

LONGEST_BACKOFF_SECONDS = 300.0
"""A failing chat is tried at least this often until its attempts are used up."""
DEFER_JITTER = 0.2
"""Chats a busy model sent away come back over this much more of the pause, not all at once."""
GIVE_UP_SECONDS = 5.0
"""How long giving a lease back may take at shutdown; it expires by itself anyway."""


async def fold(box: Toolbox, claim: Claim) -> int:
    """Fold the claimed chat's oldest pending turns into its memory and return the seq it now covers.

    Whatever happens, the claim ends here: written, handed back when cancelled, deferred, or counted as failed.

    Raises:
        ModelBusyError: the model takes no requests now; the turns stay pending until it said to ask again.
        FoldError: nothing was written; the turns stay pending and are tried again after a back-off.
        DatabaseUnreachableError: what was written is unknown to us and known to the fence: the next claim sees it.
    """
    try:
        with box.leases.hold(claim):
            drafted = await make_draft(box, claim)
        return await _write(box, claim, drafted)
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(GIVE_UP_SECONDS, shield=True):
            await _hand_back(box, claim)
        raise
    except LostLeaseError:
        log(Event.LEASE_LOST, bucket=claim.key.bucket)
        raise
    except ModelBusyError as busy:
        await _defer(box, claim, busy)
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


async def _write(box: Toolbox, claim: Claim, drafted: Drafted | None) -> int:
    """Apply a draft to the memory as it is now: fence, memory, version and cursor in one transaction."""
    if drafted is None:  # due without turns: giving the lease back clears that
        await _hand_back(box, claim)
        raise LostLeaseError
    draft = drafted.draft

    async def again(session: Session, stored: StoredMemory) -> Next:
        return await admit_draft(box, session, claim, stored, draft)

    refold_delay = timedelta(seconds=box.settings.refold_seconds)
    waited = await box.folds.write(Writing(claim, draft, drafted.next, again, refold_delay))
    box.pace.record(waited)
    box.bell.announce(Ring(claim.key, grew=False))
    log(Event.MEMORY_WRITTEN, bucket=claim.key.bucket, turns=draft.upto_seq - claim.cursor.done_seq)
    return draft.upto_seq


async def _hand_back(box: Toolbox, claim: Claim) -> None:
    await box.db.run(lambda session: chat_work.hand_back_lease(session, claim))
    log(Event.FOLD_HANDED_BACK, bucket=claim.key.bucket)


async def _defer(box: Toolbox, claim: Claim, busy: ModelBusyError) -> None:
    """Give the chat back until the model may be asked again: its failure is not the chat's, so nothing is counted."""
    delay = timedelta(seconds=busy.seconds * random.uniform(1, 1 + DEFER_JITTER))  # noqa: S311 - jitter, not a secret
    await box.db.run(lambda session: chat_work.defer_fold(session, claim, delay))
    log(Event.FOLD_DEFERRED, bucket=claim.key.bucket, seconds=round(delay.total_seconds(), 1))


async def _record_failure(box: Toolbox, claim: Claim, error: Exception) -> None:
    """Count the failure; its text is ours, never a stranger's exception that could quote a turn."""
    reason = str(error) if isinstance(error, ChatMemoryError) else type(error).__name__
    delay = min(box.settings.backoff_seconds * 2**claim.attempts, LONGEST_BACKOFF_SECONDS)
    backoff = timedelta(seconds=random.uniform(0, delay))  # noqa: S311 - jitter, not a secret
    limit = box.settings.max_attempts + (box.fallback is not None)  # the one after the last is the fallback's
    failed = await box.db.run(lambda session: chat_work.record_failure(session, claim, reason, backoff, limit))
    log(Event.CHAT_FAILED if failed else Event.FOLD_FAILED, error=error, bucket=claim.key.bucket)
