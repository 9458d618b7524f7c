"""A fold: claimed chats in, committed versions out. Called by the worker and by summarize, exposed to nobody."""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TypeAlias

import anyio

from chat_memory.errors import ChatMemoryError, DatabaseUnreachableError, FoldError, LostLeaseError, ModelBusyError
from chat_memory.models import ChatKey
from chat_memory.prompts.pacing import is_long
from chat_memory.storage import chat_work
from chat_memory.storage.bell import Ring
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Session
from chat_memory.storage.folds import Next, Writing, Written
from chat_memory.storage.startings import Starting
from chat_memory.telemetry import Event, log
from chat_memory.tools.drafting import Drafted, admit_draft, count_pending, make_drafts, read_startings
from chat_memory.tools.toolbox import Toolbox

LONGEST_BACKOFF_SECONDS = 300.0
"""A failing chat is tried at least this often until its attempts are used up."""
MOST_DOUBLINGS = 30
"""Past the longest back-off whatever it began with; what a float does not hold would be an error of its own."""
DEFER_JITTER = 0.2
"""Chats a busy model sent away come back over this much more of the pause, not all at once."""
GIVE_UP_SECONDS = 5.0
"""How long giving a lease back may take at shutdown; it expires by itself anyway."""

Outcome: TypeAlias = int | ChatMemoryError
"""The seq a chat's memory covers now, or why nothing was written."""
Result: TypeAlias = int | Exception | None
"""An outcome on its way: None where nothing was pending."""


async def fold(box: Toolbox, claim: Claim) -> int:
    """Fold the claimed chat's oldest pending turns into its memory and return the seq it now covers.

    Whatever happens, the claim ends here: written, handed back when cancelled, deferred, or counted as failed.

    Raises:
        ModelBusyError: the model takes no requests now; the turns stay pending until it said to ask again.
        FoldError: nothing was written; the turns stay pending and are tried again after a back-off.
        DatabaseUnreachableError: what was written is unknown to us and known to the fence: the next claim sees it.
    """
    (outcome,) = await fold_all(box, [claim])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def fold_all(
    box: Toolbox, claims: Sequence[Claim], free: Callable[[int], None] = lambda _: None
) -> list[Outcome]:
    """Fold claimed chats of one bucket, which share every statement; of each the seq it now covers, or its failure.

    Whatever happens, every claim ends here, each by itself: see `fold`. A chat with much to read is folded beside the
    others, which do not wait for it; `free` is told how many have ended when others go on.
    """
    try:
        return await _fold_claimed(box, claims, free)
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(GIVE_UP_SECONDS, shield=True):  # of those that are written nothing is held any more
            await _hand_back(box, claims)
        raise


async def _fold_claimed(box: Toolbox, claims: Sequence[Claim], free: Callable[[int], None]) -> list[Outcome]:
    try:
        startings = await read_startings(box, claims)
    except Exception as error:  # noqa: BLE001 - each claim ends with it
        return await _end(box, claims, [error] * len(claims))
    given = list(zip(claims, startings, strict=True))
    parts = [[item] for item in given if is_long(count_pending(item[1]))]
    if light := [item for item in given if not is_long(count_pending(item[1]))]:
        parts.append(light)
    if len(parts) == 1:
        return await _fold_part(box, parts[0])
    outcomes: dict[ChatKey, Outcome] = {}

    async def fold_part(part: Sequence[tuple[Claim, Starting]]) -> None:
        for (claim, _), outcome in zip(part, await _fold_part(box, part), strict=True):
            outcomes[claim.key] = outcome
        free(len(part))

    async with anyio.create_task_group() as group:
        for part in parts:
            group.start_soon(fold_part, part)
    return [outcomes[claim.key] for claim in claims]


async def _fold_part(box: Toolbox, part: Sequence[tuple[Claim, Starting]]) -> list[Outcome]:
    """Draft and write chats together."""
    claims = [claim for claim, _ in part]
    try:
        with box.leases.hold(claims):
            drafted = await make_drafts(box, part)
        outcomes = await _write(box, drafted)
    except Exception as error:  # noqa: BLE001 - each claim ends with it
        outcomes = [error] * len(claims)
    return await _end(box, claims, outcomes)


async def _write(box: Toolbox, drafted: Sequence[Drafted | Exception | None]) -> list[Result]:
    """Apply drafts to the memories as they are now: fence, memory, version and cursor in one transaction."""
    ready = [item for item in drafted if isinstance(item, Drafted)]
    written = iter(await box.folds.write([_prepare(box, item) for item in ready]))
    return [_announce(box, item, next(written)) if isinstance(item, Drafted) else item for item in drafted]


def _announce(box: Toolbox, drafted: Drafted, written: Written) -> Result:
    if not isinstance(written, timedelta):
        return written
    box.pace.record(written)
    box.bell.announce(Ring(drafted.claim.key, grew=False))
    return drafted.draft.upto_seq


def _prepare(box: Toolbox, drafted: Drafted) -> Writing:
    async def again(session: Session, stored: StoredMemory) -> Next:
        return await admit_draft(box, session, drafted.claim, stored, drafted.draft)

    refold_delay = timedelta(seconds=box.settings.refold_seconds)
    return Writing(drafted.claim, drafted.draft, drafted.next, again, refold_delay)


async def _end(box: Toolbox, claims: Sequence[Claim], results: Sequence[Result]) -> list[Outcome]:
    """End each claim by what came of it."""
    ends = list(zip(claims, results, strict=True))
    # nothing was pending; or perhaps all was written: then the token is gone, and this does nothing
    if held := [claim for claim, result in ends if result is None or isinstance(result, DatabaseUnreachableError)]:
        with suppress(ChatMemoryError), anyio.move_on_after(GIVE_UP_SECONDS):
            await _hand_back(box, held)
    if turns := [result - claim.cursor.done_seq for claim, result in ends if isinstance(result, int)]:
        log(Event.MEMORY_WRITTEN, bucket=claims[0].key.bucket, chats=len(turns), turns=sum(turns))
    return [result if isinstance(result, int) else await _end_failed(box, claim, result) for claim, result in ends]


async def _end_failed(box: Toolbox, claim: Claim, error: Exception | None) -> ChatMemoryError:
    """Defer, count or leave a fold that was not written, and say why."""
    if error is None:
        return LostLeaseError()
    try:
        if isinstance(error, LostLeaseError):
            log(Event.LEASE_LOST, bucket=claim.key.bucket)
        elif isinstance(error, ModelBusyError):
            await _defer(box, claim, error)
        elif not isinstance(error, DatabaseUnreachableError):
            await _record_failure(box, claim, error)
    except ChatMemoryError as lost:  # the lease ends by itself
        return lost
    if isinstance(error, LostLeaseError | ModelBusyError | DatabaseUnreachableError | FoldError):
        return error
    failed = FoldError()
    failed.__cause__ = error
    return failed


async def _hand_back(box: Toolbox, claims: Sequence[Claim]) -> None:
    await box.db.run(lambda session: chat_work.hand_back_leases(session, claims))
    log(Event.FOLD_HANDED_BACK, bucket=claims[0].key.bucket, chats=len(claims))


async def _defer(box: Toolbox, claim: Claim, busy: ModelBusyError) -> None:
    """Give the chat back until the model may be asked again: its failure is not the chat's, so nothing is counted."""
    delay = timedelta(seconds=busy.seconds * random.uniform(1, 1 + DEFER_JITTER))  # noqa: S311 - jitter, not a secret
    await box.db.run(lambda session: chat_work.defer_fold(session, claim, delay))
    log(Event.FOLD_DEFERRED, bucket=claim.key.bucket, seconds=round(delay.total_seconds(), 1))


async def _record_failure(box: Toolbox, claim: Claim, error: Exception) -> None:
    """Count the failure; its text is ours, never a stranger's exception that could quote a turn."""
    reason = str(error) if isinstance(error, ChatMemoryError) else type(error).__name__
    delay = min(box.settings.backoff_seconds * 2 ** min(claim.attempts, MOST_DOUBLINGS), LONGEST_BACKOFF_SECONDS)
    backoff = timedelta(seconds=random.uniform(0, delay))  # noqa: S311 - jitter, not a secret
    limit = box.settings.max_attempts + (box.fallback is not None)  # the one after the last is the fallback's
    failed = await box.db.run(lambda session: chat_work.record_failure(session, claim, reason, backoff, limit))
    log(Event.CHAT_FAILED if failed else Event.FOLD_FAILED, error=error, bucket=claim.key.bucket)
