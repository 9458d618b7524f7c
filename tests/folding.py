"""The steps of one fold, as storage tests say them: the real ones take many chats of a bucket at once."""

from datetime import timedelta
from uuid import uuid4

from chat_memory.models import Change, ChatKey, Draft
from chat_memory.storage import chat_work, folds
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim, Cursor
from chat_memory.storage.database import Session
from chat_memory.storage.folds import Finish, Next, Writing, name_lease

NOTHING = Draft.model_validate({"base_version": 0, "upto_seq": 1, "delta": {}, "summarizer": "test"})


async def hold_lease(session: Session, claim: Claim) -> bool:
    """Lock a claimed chat; False when the claim does not stand any more."""
    return name_lease(claim) in await folds.hold_leases(session, [claim])


async def renew_lease(session: Session, claim: Claim, lease: timedelta) -> bool:
    """Keep a claim; False when it was lost."""
    return bool(await chat_work.renew_leases(session, [claim], lease))


async def store_draft(session: Session, claim: Claim, draft: Draft) -> bool:
    """Keep an answer; False when the lease was lost."""
    return (await folds.store_drafts(session, [(claim, draft)]))[0]


async def finish_fold(session: Session, claim: Claim, covers_seq: int, *, degraded: bool = False) -> timedelta:
    """Move the cursor and give the lease up; a lost one counts as no time."""
    finished = await folds.finish_folds(session, [Finish(claim, covers_seq, degraded)])
    return finished.get(name_lease(claim), timedelta())


async def write_memory(session: Session, key: ChatKey, stored: StoredMemory, tokens: int) -> None:
    """Put a memory in its place."""
    await folds.write_memories(session, [_writing(key, stored, tokens)])


async def keep_version(session: Session, key: ChatKey, stored: StoredMemory, draft: Draft) -> None:
    """Keep a version of turns up to the draft's last."""
    await folds.keep_versions(session, [_writing(key, stored, 1, draft)])


async def _never(_: Session, __: StoredMemory) -> Next:
    raise AssertionError


def _writing(key: ChatKey, stored: StoredMemory, tokens: int, draft: Draft = NOTHING) -> Writing:
    claim = Claim(key, uuid4(), Cursor(0, 0), None, 0, 0)
    return Writing(claim, draft, Next(0, stored, tokens, Change()), _never)
