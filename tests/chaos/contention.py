"""Everything at once, through the storage room's own functions: the only chaos that knows them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import groupby
from random import Random
from uuid import uuid4

import anyio
import anyio.lowlevel

from chat_memory.models import Change, ChatKey, Delta, Draft, Fact, Memory, NewTurn, Rejected, chat_key
from chat_memory.storage import chat_work, folds, lives
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Database, Session, open_database
from chat_memory.storage.folds import Next, Writing
from chat_memory.storage.ledger import Ledger
from chat_memory.storage.revisions import Ground, revise
from chat_memory.storage.startings import Reading, Starting, read_starting
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
REVISED = """
select coalesce(chat_id, 'nameless') as chat_id, jsonb_array_length(memory.rejected) as kept,
    (select count(*) from chat_memory.memory_versions as version
     where version.bucket = memory.bucket and version.chat = memory.chat and version.summarizer = 'verdict') as given
from chat_memory.chat_metadata as memory left join chat_memory.conversations using (bucket, chat)
"""
LEFT = "select count(*) from chat_memory.turns"


@dataclass(slots=True)
class Crowd:
    """What appenders, folders and forgetters share."""

    db: Database
    ledger: Ledger
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
    """Append, claim, renew, finalize, revise and forget at once on shared chats; afterwards the books balance."""
    async with open_database(stage.reached, pool_size=8) as db:
        crowd = Crowd(
            db, Ledger(db), stage.book, stage.random, [f"chat {number}" for number in range(chats)], appending=appenders
        )
        with anyio.fail_after(PATIENCE * 5):
            async with anyio.create_task_group() as group:
                for number in range(appenders):
                    group.start_soon(append_on, crowd, number, appends // appenders)
                for _ in range(folders):
                    group.start_soon(fold_on, crowd)
                for _ in range(2):
                    group.start_soon(revise_on, crowd)
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
        appended = await crowd.ledger.append(call)
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
        for _, of_bucket in groupby(claims, key=lambda claim: claim.key.bucket):
            held = list(of_bucket)
            group.start_soon(renew, crowd, held, lease)
            group.start_soon(finalize, crowd, held)
    return len(claims)


async def renew(crowd: Crowd, claims: Sequence[Claim], lease: timedelta) -> None:
    """Renew leases of a bucket while their folds are being written: either may come first."""
    held = await crowd.db.run(lambda session: chat_work.renew_leases(session, claims, lease))
    crowd.book.counts["renewals"] += len(held)
    crowd.book.counts["renewals refused"] += len(claims) - len(held)


async def finalize(crowd: Crowd, claims: Sequence[Claim]) -> None:
    """Write folds of a bucket, those that stand as they were read without a look: each summary names its turns."""
    async with crowd.db.session() as session:
        readings = [Reading(claim, FOLD_BYTES) for claim in claims]
        starting = await read_starting(session, readings)
    for claim, start in zip(claims, starting, strict=True):
        if not start.pending:
            await crowd.db.run(partial(chat_work.hand_back_leases, claims=[claim]))
    writings = [make_writing(claim, start) for claim, start in zip(claims, starting, strict=True) if start.pending]
    if writings:
        unlooked = crowd.random.random() < 0.5
        write = (
            folds.Folds(crowd.db).write(writings)
            if unlooked
            else crowd.db.transact(partial(folds.write_folds, writings=writings))
        )
        for written in await write:
            crowd.book.counts["folds" if isinstance(written, timedelta) else "leases lost"] += 1


def make_writing(claim: Claim, start: Starting) -> Writing:
    """Make a fold of what was read."""
    draft = Draft(base_version=0, upto_seq=start.pending[-1].seq, delta=Delta(), summarizer="chaos")

    async def again(_: Session, stored: StoredMemory) -> Next:
        after = StoredMemory(stored.version + 1, Memory(general_summary=f"up to {draft.upto_seq}"))
        return Next(stored.version, after, 1, Change())

    after = StoredMemory(start.stored.version + 1, Memory(general_summary=f"up to {draft.upto_seq}"))
    return Writing(claim, draft, Next(start.stored.version, after, 1, Change()), again)


async def revise_on(crowd: Crowd) -> None:
    """Give verdicts in the middle of everything: each one is one version, and one rejected fact more."""
    while crowd.appending:
        await anyio.sleep(crowd.random.random() * 0.005)
        revised = await revise(crowd.db, OWNER, chat_key(OWNER, crowd.pick()), "verdict", reject_one)
        crowd.book.counts["verdicts"] += revised is not None


async def reject_one(_: Session, ground: Ground) -> Next:
    """Reject a fact nobody has heard of."""
    stored = ground.stored
    fact = Fact(id="f", key="k", value="v", basis="operator", source_seq=1, quote="", first_version=1, last_version=1)
    rejected = (*stored.memory.rejected, Rejected(fact=fact, upto_seq=ground.cursor.head_seq))
    after = replace(stored, version=stored.version + 1, memory=stored.memory.model_copy(update={"rejected": rejected}))
    return Next(stored.version, after, 1, Change())


async def forget_on(crowd: Crowd) -> None:
    """Forget chats in the middle of everything."""
    while crowd.appending:
        await anyio.sleep(crowd.random.random() * 0.005)
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
    for row in await read(stage.url, REVISED):
        if row["kept"] != row["given"]:
            stage.book.violations.append(f"a verdict lost: {row['chat_id']} keeps {row['kept']} of {row['given']}")
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
