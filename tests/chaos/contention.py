"""Everything at once, through the storage room's own functions: the only chaos that knows them."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from uuid import uuid4

import anyio
import anyio.lowlevel

from chat_memory.models import Change, ChatKey, Delta, Draft, Memory, NewTurn, chat_key
from chat_memory.storage import bell, chat_metadata, chat_work, lives, memory_versions, turns
from chat_memory.storage.bell import Ring
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Database, Session, open_database
from chat_memory.storage.turns import Call
from chat_memory.tools.intake import hash_request
from tests.chaos.book import PATIENCE, Book, Write
from tests.chaos.stage import Stage
from tests.chaos.verdict import judge, read, until_folded
from tests.chats import LEASE

OWNER = "chaos"
FOLD_BYTES = 1_000_000
SHORT_LEASE = LEASE / 1000
"""Some claims end before their fold: another worker takes the chat over."""
LEFT = "select count(*) from chat_memory.turns"


@dataclass(slots=True)
class Crowd:
    """What appenders, folders and forgetters share."""

    db: Database
    book: Book
    random: Random
    chats: list[str]
    gone: Counter[str] = field(default_factory=Counter[str])
    """Rows that forgetting counted, by table."""
    appending: int = 0
    """Appenders that are not done: until then folders go on."""

    def pick(self) -> str:
        """Pick a chat: anybody may pick the same one."""
        return self.random.choice(self.chats)


async def crowd(stage: Stage, *, chats: int, appends: int, appenders: int = 8, folders: int = 4) -> None:
    """Append, claim, renew, finalize and forget at once on shared chats; afterwards the books balance."""
    async with open_database(stage.url, pool_size=8) as db:
        crowd = Crowd(db, stage.book, stage.random, [f"chat {number}" for number in range(chats)], appending=appenders)
        with anyio.fail_after(PATIENCE * 5):
            async with anyio.create_task_group() as group:
                for number in range(appenders):
                    group.start_soon(append_on, crowd, number, appends // appenders)
                for _ in range(folders):
                    group.start_soon(fold_on, crowd)
                group.start_soon(forget_on, crowd)
            while await fold_some(crowd, LEASE):
                pass
    await until_folded(stage.url, stage.book)
    await balance(stage, crowd)


async def append_on(crowd: Crowd, number: int, appends: int) -> None:
    """Append to one chat after the other."""
    for count in range(appends):
        chat_id = crowd.pick()
        contents = tuple(f"{number}.{count}.{part}" for part in range(crowd.random.randrange(1, 4)))
        write = crowd.book.open(chat_id, contents, f"{number}.{count}" if count % 2 else "")
        turned = [NewTurn("user", content, attested=True) for content in contents]
        call = Call(chat_key(OWNER, chat_id), OWNER, chat_id, turned, uuid4(), "test", write.key, hash_request(turned))
        appended = await lives.append(crowd.db, call)
        crowd.book.acknowledge(write, appended.span.first_seq, appended.span.last_seq)
    crowd.appending -= 1


async def fold_on(crowd: Crowd) -> None:
    """Fold what is due, under leases that are sometimes too short."""
    while crowd.appending:
        await fold_some(crowd, crowd.random.choice([LEASE, SHORT_LEASE]))
        await anyio.lowlevel.checkpoint()


async def fold_some(crowd: Crowd, lease: timedelta) -> int:
    """Claim what is due, renew it, and write it, all side by side; how many chats were claimed."""
    claims: list[Claim] = []
    async with crowd.db.session() as session:
        for bucket in await chat_work.find_due_buckets(session, 4):
            claims += await chat_work.claim_chats(session, bucket, 4, lease, uuid4())
    async with anyio.create_task_group() as group:
        for claim in claims:
            group.start_soon(renew, crowd, claim, lease)
            group.start_soon(finalize, crowd, claim)
    return len(claims)


async def renew(crowd: Crowd, claim: Claim, lease: timedelta) -> None:
    """Renew a lease while its fold is being written: either may come first."""
    held = await crowd.db.run(lambda session: chat_work.renew_lease(session, claim, lease))
    crowd.book.counts["renewals" if held else "renewals refused"] += 1


async def finalize(crowd: Crowd, claim: Claim) -> None:
    """Write a fold: its summary names the turns it read, in order."""
    async with crowd.db.session() as session:
        pending = await turns.read_pending_turns(session, claim.key, claim.cursor.done_seq, FOLD_BYTES)
    if not pending:
        await crowd.db.run(lambda session: chat_work.hand_back_lease(session, claim))
    else:
        draft = Draft(base_version=0, upto_seq=pending[-1].seq, delta=Delta(), summarizer="chaos")
        written = await crowd.db.transact(partial(write_fold, claim=claim, draft=draft))
        crowd.book.counts["folds" if written else "leases lost"] += 1


async def write_fold(session: Session, *, claim: Claim, draft: Draft) -> bool:
    """Fence, memory, version and cursor in one transaction; False when the lease is another's."""
    cursor = await chat_work.hold_lease(session, claim)
    if cursor is None:
        return False
    stored = await chat_metadata.read_memory(session, claim.key)
    after = StoredMemory(stored.version + 1, Memory(general_summary=f"up to {draft.upto_seq}"), degraded=False)
    await chat_metadata.write_memory(session, claim.key, after, 1)
    span = (cursor.done_seq + 1, draft.upto_seq)
    await memory_versions.keep_version(session, claim.key, after.version, span, Change(), after.memory, draft)
    await chat_work.finish_fold(session, claim, draft.upto_seq)
    await bell.ring(session, Ring(claim.key, grew=False))
    return True


async def forget_on(crowd: Crowd) -> None:
    """Forget chats in the middle of everything."""
    while crowd.appending:
        await anyio.sleep(crowd.random.random() * 0.02)
        key: ChatKey = chat_key(OWNER, crowd.pick())
        crowd.gone += Counter(await lives.forget(crowd.db, OWNER, key))


async def balance(stage: Stage, crowd: Crowd) -> None:
    """Every acknowledged turn is in the ledger or was counted by whoever forgot it; what is left is judged as ever."""
    (left,) = await read(stage.url, LEFT)
    sent = sum(len(write.contents) for write in stage.book.writes)
    if left[0] + crowd.gone["turns"] != sent:
        stage.book.violations.append(
            f"{sent} turns were sent, {left[0]} are left, {crowd.gone['turns']} were forgotten"
        )
    stage.book.counts["chats forgotten"] += crowd.gone["cursors"]
    stage.book.counts["turns forgotten"] += crowd.gone["turns"]
    stage.book.writes = await still_there(stage)
    await judge(stage.url, stage.book)


async def still_there(stage: Stage) -> list[Write]:
    """Pick the writes of lives that were not ended: of a call, all turns are there or none."""
    rows = await read(stage.url, "select content from chat_memory.turns")
    there = {row["content"] for row in rows}
    for write in stage.book.writes:
        if len(there.intersection(write.contents)) not in (0, len(write.contents)):
            stage.book.violations.append(f"half forgotten: {write}")
    return [write for write in stage.book.writes if there.intersection(write.contents)]
