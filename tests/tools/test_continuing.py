"""Continuing: a new chat begins with what a full one holds, once, and each fact says where it was said."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import uuid4

import anyio
import pytest

from chat_memory.errors import (
    BegunOtherwiseError,
    EmptyTextError,
    ModelRefusedError,
    NothingToCarryError,
    OwnerMismatchError,
    UnfoldedChatError,
    UnknownChatError,
)
from chat_memory.models import Caller, Message, Origin
from chat_memory.prompts.extractive import Extractive
from chat_memory.prompts.summarizer import FoldRequest, Proposal
from chat_memory.prompts.wanted import Correction
from chat_memory.replies import Evidence, MemoryReply, Receipt
from chat_memory.settings import Settings
from chat_memory.storage import chat_work, memory_versions, refolds
from chat_memory.storage.bell import Bell
from chat_memory.storage.database import Database
from chat_memory.storage.memory_versions import Version
from chat_memory.tools.fold import fold
from chat_memory.tools.forget import forget
from chat_memory.tools.get_history import get_history
from chat_memory.tools.get_memory import list_chats, read_memory
from chat_memory.tools.past import read_past
from chat_memory.tools.refold import refold
from chat_memory.tools.revise_memory import OWN_WORD, revise_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory
from tests.chaos.verdict import CURSORS, LEDGER, VERSIONS, Turned, by_chat, judge_cursor, read
from tests.chats import LEASE, claim_one, key_of, pass_time, until_somebody_waits
from tests.prompts.said import propose
from tests.summarizers import Broken, Transcript


async def say(box: Toolbox, caller: Caller, chat_id: str, *said: str, after: str = "", key: str = "") -> Receipt:
    messages = [Message(role="user", content=content) for content in said]
    return await update_memory(box, caller, chat_id, messages, continue_from=after, idempotency_key=key)


async def fill(box: Toolbox, caller: Caller, chat_id: str) -> None:
    """A chat whose memory holds two facts and a summary."""
    await say(box, caller, chat_id, "My name is Ana.", "My favourite colour is teal. We decided to paint the boat.")
    await summarize(box, caller, chat_id)


async def count_waiting(db: Database) -> int:
    """How many statements of this database wait for a lock."""
    waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with db.session() as session:
        return len(await session.connection.fetch(waiting))


async def versions_of(db: Database, chat_id: str) -> list[Version]:
    return await db.run(lambda session: memory_versions.read_versions(session, key_of(chat_id)))


def proofs(reply: MemoryReply) -> dict[str, Evidence]:
    return {key: fact for key, fact in reply.user_confirmed.items() if isinstance(fact, Evidence)}


async def test_a_new_chat_begins_with_facts_and_summary_and_where_they_were_said(box: Toolbox, alice: Caller) -> None:
    """Without Origin in carry_over nothing would say why the new chat believes what nobody said in it."""
    await fill(box, alice, "old")
    before = await read_memory(box, alice, "old", detail="evidence")
    receipt = await say(box, alice, "new", "Hello again.", after="old")
    reply = await read_memory(box, alice, "new", detail="evidence")
    assert (receipt.first_seq, receipt.seq, reply.version, reply.covers_seq, reply.pending) == (1, 1, 1, 0, 1)
    assert {key: fact.value for key, fact in proofs(reply).items()} == {"name": "Ana", "favourite colour": "teal"}
    for key, fact in proofs(reply).items():
        old = proofs(before)[key]
        assert (fact.seq, fact.origin, fact.quote) == (0, Origin(chat_id="old", seq=old.seq), old.quote)
    assert "[0] user: We decided to paint boat." in reply.general_summary
    (version,) = await versions_of(box.db, "new")
    assert (version.from_seq, version.covers_seq, version.summarizer) == (1, 0, "continue")
    assert [fact.origin for fact in version.delta.added] == [fact.origin for fact in version.memory.user_confirmed]


async def test_a_verdict_of_the_old_chat_gives_way_to_words_of_the_new_one(box: Toolbox, alice: Caller) -> None:
    """Without settled_seq in carry_over a carried verdict would outlast as many turns as the old chat had."""
    await fill(box, alice, "old")
    before = proofs(await read_memory(box, alice, "old", detail="evidence"))
    person = Caller(alice.owner, frozenset({OWN_WORD}))
    await revise_memory(box, person, "old", correct=[Correction(id=before["favourite colour"].id, value="red")])
    await say(box, alice, "new", "My favourite colour is blue.", after="old")
    await summarize(box, alice, "new")
    assert (await read_memory(box, alice, "new")).user_confirmed["favourite colour"] == "blue"


async def test_what_is_pending_in_the_old_chat_is_folded_first(box: Toolbox, alice: Caller) -> None:
    """Without summarize in continue_chat its last words would be lost to the new chat."""
    await fill(box, alice, "old")
    await say(box, alice, "old", "My city is Oslo.")
    await say(box, alice, "new", "Hello.", after="old")
    assert (await read_memory(box, alice, "new")).user_confirmed["city"] == "Oslo"


async def test_the_new_chats_words_are_later_than_all_that_was_carried_over(box: Toolbox, alice: Caller) -> None:
    """Without source_seq 0 turn 1 here would be older than turn 2 there, and a correction be refused."""
    await fill(box, alice, "old")
    await say(box, alice, "new", "My favourite colour is amber.", after="old")
    reply = await summarize(box, alice, "new")
    assert reply.user_confirmed == {"name": "Ana", "favourite colour": "amber"}
    (proof,) = [fact for fact in proofs(await read_memory(box, alice, "new", detail="evidence")).values() if fact.seq]
    assert (proof.value, proof.seq, proof.origin) == ("amber", 1, None)
    first, second = await versions_of(box.db, "new")
    assert [(each.old.value, each.old.origin) for each in second.delta.replaced] == [
        ("teal", Origin(chat_id="old", seq=2))
    ]
    assert (first.version, second.from_seq, second.covers_seq) == (1, 1, 1)


async def test_a_verdict_of_the_old_chat_settles_nothing_here(box: Toolbox, alice: Caller) -> None:
    """Without settled_seq in _carry no turn here would change a fact until there are as many as there were there."""
    await fill(box, alice, "old")
    (colour,) = [
        fact for fact in proofs(await read_memory(box, alice, "old", detail="evidence")).values() if fact.seq == 2
    ]
    wanted = [Correction(id=colour.id, value="amber")]
    await revise_memory(box, replace(alice, scopes=frozenset({OWN_WORD})), "old", correct=wanted)
    await say(box, alice, "new", "My favourite colour is green.", after="old")
    assert (await summarize(box, alice, "new")).user_confirmed == {"name": "Ana", "favourite colour": "green"}


class Citing(Extractive):
    """Proposes what the old chat said, as if a turn of the new one had said it."""

    async def fold(self, request: FoldRequest) -> Proposal:
        """Cite the turns 0 to 3 for a value of the old chat."""
        proposal = await super().fold(request)
        cited = [propose("colour of the boat", "teal", "My favourite colour is teal.", seq) for seq in range(4)]
        return Proposal(proposal.delta.model_copy(update={"facts": tuple(cited)}))


async def test_a_turn_of_the_old_chat_proves_nothing_in_the_new_one(db: Database, alice: Caller) -> None:
    """An origin is a turn of another chat, and seq 0 is none: a gate that took either for evidence fails here."""
    box = Toolbox.on(db, Settings(), Bell(), Extractive())
    await fill(box, alice, "old")
    await say(box, alice, "new", "Hello.", "Yes.", "Teal.", after="old")
    reply = await summarize(Toolbox.on(db, Settings(), Bell(), Citing()), alice, "new")
    assert reply.user_confirmed == {"name": "Ana", "favourite colour": "teal"}
    version = (await versions_of(db, "new"))[-1]
    assert {refused.outcome for refused in version.delta.refused} == {"dropped"}


async def test_a_retry_does_not_carry_twice(box: Toolbox, alice: Caller) -> None:
    """Without read_beginning before carrying, the second call would be refused."""
    await fill(box, alice, "old")
    first = await say(box, alice, "new", "Hello.", after="old", key="k")
    await say(box, alice, "old", "My city is Oslo.")
    again = await say(box, alice, "new", "Hello.", after="old", key="k")
    assert (again.queue_id, again.seq) == (first.queue_id, 1)
    more = await say(box, alice, "new", "And more.", after="old")
    assert more.seq == 2
    assert len(await versions_of(box.db, "new")) == 1
    assert "city" not in (await read_memory(box, alice, "new")).user_confirmed


async def test_two_first_calls_at_once_carry_once(box: Toolbox, alice: Caller) -> None:
    """Without `on conflict do nothing` in open_chat one of them would fail."""
    await fill(box, alice, "old")
    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(partial(say, box, alice, "new", f"Hello {number}.", after="old"))
    assert len((await get_history(box, alice, "new")).turns) == 8
    assert len(await versions_of(box.db, "new")) == 1


async def test_a_call_that_ended_after_carrying_goes_on_when_it_is_sent_again(box: Toolbox, alice: Caller) -> None:
    """What is between the two commits is a chat without turns: it is listed nowhere, and the next call writes to it."""
    await fill(box, alice, "old")
    with pytest.raises(EmptyTextError):
        await say(box, alice, "new", " ", after="old")
    assert (await read_memory(box, alice, "new")).version == 0
    await say(box, alice, "new", "Hello.", after="old")
    async with box.db.session() as session:
        await session.connection.execute("delete from chat_memory.turns where content = 'Hello.'")
        await session.connection.execute(
            "update chat_memory.chat_work set head_seq = 0, due_at = null where done_seq = 0"
        )
    assert [chat.chat_id for chat in (await list_chats(box, alice)).chats] == ["old"]
    assert (await say(box, alice, "new", "Hello.", after="old")).seq == 1
    assert (await summarize(box, alice, "new")).version == 2


@pytest.mark.parametrize(("begun", "how"), [("", "on its own"), ("other", "as the continuation of 'other'")])
async def test_a_chat_that_began_otherwise_says_so(box: Toolbox, alice: Caller, begun: str, how: str) -> None:
    """Without BegunOtherwiseError a caller would believe that the chat knows what it does not."""
    await fill(box, alice, "old")
    await fill(box, alice, "other")
    await say(box, alice, "new", "Hello.", after=begun)
    with pytest.raises(BegunOtherwiseError, match=how):
        await say(box, alice, "new", "More.", after="old")
    assert len((await get_history(box, alice, "new")).turns) == 1


async def test_nothing_is_written_where_nothing_can_be_carried(box: Toolbox, alice: Caller, bob: Caller) -> None:
    """Another owner's chat, one that nobody wrote to, one without memory, and the chat itself."""
    await fill(box, bob, "bob's")
    await say(box, alice, "mute", "...")
    await summarize(box, alice, "mute")
    refusals: Sequence[tuple[str, type[Exception]]] = (
        ("bob's", UnknownChatError),
        ("nobody", UnknownChatError),
        ("new", UnknownChatError),
        ("mute", NothingToCarryError),
        (" ", EmptyTextError),
    )
    for source, refusal in refusals:
        with pytest.raises(refusal):
            await say(box, alice, "new", "Hello.", after=source)
    assert (await get_history(box, alice, "new")).turns == ()


async def test_what_was_carried_provisional_is_so_until_the_first_fold_here(box: Toolbox, alice: Caller) -> None:
    """Without `degraded` in continue_chat nothing would say so; with the mark kept by the fold nothing would end it."""
    refused = Broken(ModelRefusedError(provider="nobody", model="none", status=401))
    away = replace(box, summarizer=refused, fallback=Extractive())
    await say(box, alice, "old", "My name is Ana.", "We decided to paint the boat.")
    await fold(away, await claim_one(box.db, "old"))
    for new in ("well", "away"):
        await say(box, alice, new, "My city is Oslo.", after="old")
        assert (await read_memory(box, alice, new)).degraded
    await fold(replace(box, summarizer=Transcript()), await claim_one(box.db, "well"))
    assert not (await read_memory(box, alice, "well")).degraded
    past = [await read_past(box, alice, "well", 3_000, version, evidence=False) for version in (1, 2)]
    assert [memory.degraded for memory in past] == [True, False]
    await fold(away, await claim_one(box.db, "away"))
    pass_time(box.db, timedelta(hours=1))
    bucket, token = key_of("away").bucket, uuid4()
    (claim,) = await box.db.run(lambda session: refolds.claim_refolds(session, bucket, 1, LEASE, token, 3))
    await refold(replace(box, summarizer=Transcript(), fallback=Extractive()), claim)
    assert [version.replaces_version for version in await versions_of(box.db, "away")] == [None, None, 2]
    assert not (await read_memory(box, alice, "away")).degraded


async def test_a_chat_whose_turns_cannot_be_folded_now_is_not_carried_over(
    db: Database, box: Toolbox, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without UnfoldedChatError the new chat would silently lack what the old one's last turns say."""
    monkeypatch.setattr("chat_memory.tools.continuing.FOLD_SECONDS", 0)
    await fill(box, alice, "old")
    await say(box, alice, "old", "My city is Oslo.")
    with pytest.raises(UnfoldedChatError, match="1 turns of chat 'old'"):
        await say(box, alice, "new", "Hello.", after="old")
    assert (await read_memory(box, alice, "new")).version == 0
    assert await db.run(lambda session: memory_versions.read_versions(session, key_of("new"))) == []


async def test_a_row_of_another_owner_is_never_carried_over_or_continued(box: Toolbox, alice: Caller) -> None:
    """Without check_owner in read_ground, or the owner in read_beginning, the key alone would be trusted."""
    await fill(box, alice, "old")
    await say(box, alice, "new", "Hello.", after="old")
    spoil = ("conversations set owner = 'mallory' where chat_id = 'new'", "chat_work set owner_hash = 'mallory'")
    for change, chat_id in zip(spoil, ("new", "another"), strict=True):
        async with box.db.session() as session:
            await session.connection.execute(f"update chat_memory.{change}")
        with pytest.raises(OwnerMismatchError):
            await say(box, alice, chat_id, "More.", after="old")


async def test_what_was_carried_twice_still_points_to_where_it_was_said(box: Toolbox, alice: Caller) -> None:
    """Without fact.origin in carry_over the third chat would point to a turn 0 of the second."""
    await fill(box, alice, "old")
    await say(box, alice, "second", "My city is Oslo.", after="old")
    await say(box, alice, "third", "Hello.", after="second")
    found = {
        key: fact.origin for key, fact in proofs(await read_memory(box, alice, "third", detail="evidence")).items()
    }
    assert found["name"] == Origin(chat_id="old", seq=1)
    assert found["city"] == Origin(chat_id="second", seq=1)


async def test_forgetting_the_old_chat_leaves_what_was_carried_over(box: Toolbox, alice: Caller) -> None:
    """A chat is forgotten by itself: what another one holds now is that one's, until it is forgotten too."""
    await fill(box, alice, "old")
    await say(box, alice, "new", "Hello.", after="old")
    await forget(box, alice, "old")
    assert (await read_memory(box, alice, "new")).user_confirmed["name"] == "Ana"
    assert (await forget(box, alice, "new")).deleted["versions"] == 1


async def test_a_chat_that_is_being_forgotten_is_not_carried_over(db: Database, box: Toolbox, alice: Caller) -> None:
    """With read_ground for lock_ground in _lock_folded, what was forgotten would be written anew after it was gone."""
    await fill(box, alice, "old")
    outcome: list[object] = []

    async def go_on() -> None:
        try:
            outcome.append(await say(box, alice, "new", "Hello.", after="old"))
        except UnknownChatError as error:
            outcome.append(error)

    async with anyio.create_task_group() as group, db.session() as session, session.connection.transaction():
        await chat_work.lock_chat(session, key_of("old"), "alice")
        group.start_soon(forget, box, alice, "old")
        await until_somebody_waits(db)
        group.start_soon(go_on)
        with anyio.fail_after(60):
            while not outcome and await count_waiting(db) < 2:  # noqa: ASYNC110 - a lock rings no bell
                await anyio.sleep(0.01)
    assert [type(each) for each in outcome] == [UnknownChatError]
    assert (await read_memory(box, alice, "new")).version == 0


async def test_a_version_that_folds_no_turn_keeps_the_books(box: Toolbox, alice: Caller, listen_url: str) -> None:
    """The verdict of chaos, the operators' view: an empty range is no turn folded twice, and none left out."""
    await fill(box, alice, "old")
    await say(box, alice, "new", "My city is Oslo.", after="old")
    await summarize(box, alice, "new")
    versions = dict(by_chat(await read(listen_url, VERSIONS)))
    ledger = {chat: [Turned(*row[1:]) for row in rows] for chat, rows in by_chat(await read(listen_url, LEDGER))}
    cursors = {cursor["chat_id"]: cursor for cursor in await read(listen_url, CURSORS)}
    assert [version["version"] for version in versions["new"]] == [1, 2]
    assert list(judge_cursor(cursors["new"], ledger["new"], versions["new"])) == []
    queue = await read(
        listen_url, "select status, processed_at from chat_memory.chat_context_queue where chat_id = 'new'"
    )
    assert [(row["status"], row["processed_at"] is not None) for row in queue] == [("complete", True)]
