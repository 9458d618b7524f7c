"""The model looks again at what extraction folded in its place, against a real server of the Messages API."""

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import anyio
import pytest
from structlog.testing import capture_logs

from chat_memory.errors import BudgetSpentError, FoldError, LostLeaseError, ModelBusyError, ModelRefusedError
from chat_memory.models import Caller, Fact
from chat_memory.prompts.claude import pause
from chat_memory.prompts.extractive import Extractive
from chat_memory.storage import chat_metadata, lives, refolds
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.chat_work import Claim
from chat_memory.storage.database import Database
from chat_memory.storage.memory_versions import Version
from chat_memory.tools import refold as refolding
from chat_memory.tools.fold import fold
from chat_memory.tools.leases import Leases
from chat_memory.tools.past import list_versions, read_past
from chat_memory.tools.refold import refold
from chat_memory.tools.refolds import Refolds
from chat_memory.tools.toolbox import Toolbox
from chat_memory.worker import Worker
from tests.chats import END_OTHERS, LEASE, OWNER, append, claim_due, claim_one, key_of, pass_time
from tests.cli.conftest import Program, finish
from tests.messages_server import Fault, MessagesServer, saying, slow, status
from tests.replay import facts_of as stored_facts
from tests.replay import replay
from tests.summarizers import Broken, Transcript
from tests.tools.conftest import KEY, asking
from tests.tools.test_model_folds import UNUSABLE, recall, tell, versions_of, work_of, working

PATIENCE = 60.0
"""Seconds until work that should be done counts as lost: never reached when it works."""
BAD = status(400, "invalid_request_error")
SOON = timedelta(seconds=61)
"""As long as a re-fold waits at first."""
HALT_AT_WRITE = """
create function halt() returns trigger language plpgsql as $$ begin perform pg_sleep(600); return new; end $$;
create trigger halt before insert on chat_memory.memory_versions
for each row when (new.replaces_version is not null) execute function halt();
"""
CHANGE_BETWEEN = """
create function change_memory() returns trigger language plpgsql as $$ begin
    update chat_memory.chat_metadata set version = version + 1, user_confirmed = '{facts}'
    where bucket = new.bucket and chat = new.chat;
    return new;
end $$;
create trigger change_memory before update on chat_memory.chat_work
for each row when (new.refold_draft is not null and old.refold_draft is null) execute function change_memory();
"""


TAKEN_OVER = """
create function take_over() returns trigger language plpgsql as $$ begin
    new.lease_token := gen_random_uuid();
    return new;
end $$;
create trigger take_over before update on chat_memory.chat_work
for each row when (new.refold_draft is not null and old.refold_draft is null) execute function take_over();
"""


async def said(box: Toolbox, db: Database, chat_id: str, *texts: str) -> None:
    """Write, and fold with the model as it is."""
    await append(db, chat_id, *texts)
    await fold(box, await claim_one(db, chat_id))


async def degrade(box: Toolbox, db: Database, provider: MessagesServer, chat_id: str, *texts: str) -> None:
    """Write while the model is down, so that extraction folds."""
    provider.next_faults = [BAD]
    await append(db, chat_id, *texts)
    pass_time(db, timedelta(seconds=box.settings.fallback_after_seconds + 1))
    await fold(box, await claim_one(db, chat_id))
    assert (await versions_of(db, chat_id))[-1].degraded


async def claim_refolds(db: Database, chat_id: str, tries: int = 3) -> list[Claim]:
    """Claim what is due for another look in a chat's bucket, as a worker with nothing to do does."""
    async with db.session() as session:
        return await refolds.claim_refolds(session, key_of(chat_id).bucket, 10, LEASE, uuid4(), tries)


async def claim_refold(db: Database, chat_id: str) -> Claim:
    """Claim a chat that must be due for another look."""
    (claim,) = await claim_refolds(db, chat_id)
    return claim


async def claim_refold_later(db: Database, chat_id: str) -> Claim:
    """Claim for another look once it is time."""
    pass_time(db, SOON)
    return await claim_refold(db, chat_id)


async def memory_of(db: Database, chat_id: str) -> StoredMemory:
    async with db.session() as session:
        return await chat_metadata.read_memory(session, key_of(chat_id))


async def facts_of(db: Database, chat_id: str) -> dict[str, Fact]:
    """Read the confirmed facts by key."""
    return {fact.key: fact for fact in (await memory_of(db, chat_id)).memory.user_confirmed}


async def until_refolded(box: Toolbox, *chats: str) -> None:
    with anyio.fail_after(PATIENCE):
        for chat_id in chats:
            while (await recall(box, chat_id))["degraded"]:  # noqa: ASYNC110 - a table rings no bell
                await anyio.sleep(0.02)


async def until_asked(provider: MessagesServer, times: int) -> None:
    with anyio.fail_after(PATIENCE):
        while len(provider.asked) < times:  # noqa: ASYNC110 - the provider is a thread
            await anyio.sleep(0.01)


def covered(versions: list[Version]) -> list[int]:
    """List the turns of the versions that no other replaces."""
    replaced = {version.replaces_version for version in versions}
    standing = sorted((each for each in versions if each.version not in replaced), key=lambda each: each.from_seq)
    return [seq for version in standing for seq in range(version.from_seq, version.covers_seq + 1)]


@asynccontextmanager
async def looking_again(box: Toolbox, claim: Claim) -> AsyncGenerator[list[Exception]]:
    """A re-fold beside the block; what it raised is known after."""
    raised: list[Exception] = []

    async def look() -> None:
        try:
            await refold(box, claim)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            raised.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        yield raised


async def test_when_the_model_is_back_it_replaces_what_extraction_made(
    db: Database, box: Toolbox, provider: MessagesServer
) -> None:
    """Without _refold_next in the worker, or plan_refolds in write_folds, the version would stay provisional."""
    provider.always = BAD
    async with asking(db, box, provider.url) as asked, working(asked):
        assert (await tell(asked, "a", "My name is Ann.", "My budget is 500 euros."))["status"] == "complete"
        degraded = await recall(asked, "a")
        assert (degraded["version"], degraded["degraded"]) == (1, True)
        provider.always = None
        pass_time(db, SOON)
        await until_refolded(asked, "a")
        memory = await recall(asked, "a")
    assert (memory["version"], memory["covers_seq"], memory["pending"]) == (2, 2, 0)
    assert memory["user_confirmed"] == {"name": "Ann", "budget": "500 euros"}
    assert memory["general_summary"] == "user said: My name is Ann.\nuser said: My budget is 500 euros."
    facts = await facts_of(db, "a")
    assert (facts["name"].id, facts["name"].quote, facts["name"].source_seq) == ("f2.1", "My name is Ann.", 1)
    first, second = await versions_of(db, "a")
    assert (second.from_seq, second.covers_seq, second.replaces_version, second.degraded) == (1, 2, 1, False)
    assert (first.counting, second.counting[:7]) == ("fitted", "fitted*")
    assert (second.summarizer, second.cost_usd > 0) == ("claude", True)
    assert {each.old.id for each in second.delta.replaced} == {fact.id for fact in first.memory.user_confirmed}
    assert second.delta.left_summary
    work = await work_of(db, "a")
    assert (work["done_seq"], work["refold_from"], work["refold_due_at"], work["refold_draft"]) == (2, None, None, None)
    assert (work["due_at"], work["lease_token"]) == (None, None)


async def test_the_past_tells_what_the_second_look_replaced(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without replaces_version in what past lists a reader could not tell why the same turns stand there twice."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    await said(asked, db, "a", "My budget is 500 euros.")
    await refold(asked, await claim_refold_later(db, "a"))
    reply = await list_versions(asked, Caller(OWNER), "a", 3000)
    told = [(line.version, line.from_seq, line.covers_seq, line.replaces_version) for line in reply.versions]
    assert told == [(3, 1, 1, 1), (2, 2, 2, None), (1, 1, 1, None)]
    assert [line.degraded for line in reply.versions] == [None, None, True]
    assert [(line.what, line.key) for line in reply.versions[0].changes if line.key] == [("repeated", "name")]
    memories = [await read_past(asked, Caller(OWNER), "a", 3000, version, evidence=False) for version in (1, 2, 3)]
    assert [(memory.covers_seq, memory.degraded) for memory in memories] == [(1, True), (2, True), (2, False)]
    versions = await versions_of(db, "a")
    lives = replay(version.delta for version in versions)
    assert lives == [stored_facts(version.memory) for version in versions]


async def test_nothing_of_other_versions_is_lost(asked: Toolbox, db: Database, provider: MessagesServer) -> None:
    """Without `provisional.version` in _is_undone the facts of the versions around it would go with it."""
    await said(asked, db, "a", "My budget is 500 euros.")
    await degrade(asked, db, provider, "a", "My name is Ann.")
    await said(asked, db, "a", "My city is Rome.")
    before = await facts_of(db, "a")
    await refold(asked, await claim_refold_later(db, "a"))
    facts = await facts_of(db, "a")
    assert {key: fact.id for key, fact in facts.items()} == {"budget": "f1.1", "city": "f3.1", "name": "f4.1"}
    assert (facts["budget"], facts["city"]) == (before["budget"], before["city"])
    assert [turn.seq for turn in provider.asked[-1].turns] == [2]
    assert set(provider.asked[-1].facts) == {"budget", "city"}
    stored = await memory_of(db, "a")
    assert (stored.version, stored.degraded) == (4, False)
    assert "My city is Rome." in stored.memory.general_summary
    assert covered(await versions_of(db, "a")) == [1, 2, 3]


async def test_an_older_turn_never_supersedes_a_newer_value(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without `later` in Revision._confirm the budget of turn 1 would come back over that of turn 2."""
    await degrade(asked, db, provider, "a", "My budget is 500 euros.")
    await said(asked, db, "a", "Actually, my budget is 600 euros.")
    await refold(asked, await claim_refold_later(db, "a"))
    assert (await facts_of(db, "a"))["budget"].value == "600 euros"
    assert provider.asked[-1].turns[0].text == "My budget is 500 euros."
    (refused,) = (await versions_of(db, "a"))[-1].delta.refused
    assert (refused.outcome, refused.proposal.value) == ("dropped", "500 euros")
    assert (await memory_of(db, "a")).degraded is False


async def test_what_extraction_superseded_comes_back_when_the_model_does_not_see_it_so(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without _displaced in undo a fact that extraction misread away would stay away."""
    await said(asked, db, "a", "My budget is 500 euros.")
    await degrade(asked, db, provider, "a", "Actually, my budget is 600 euros.")
    wrong = (await facts_of(db, "a"))["budget"]
    assert wrong.value == "600 euros"
    provider.next_faults = [saying('{"facts": [], "summary": null}')]
    await refold(asked, await claim_refold_later(db, "a"))
    facts = await facts_of(db, "a")
    assert (facts["budget"].id, facts["budget"].value) == ("f1.1", "500 euros")
    (replaced,) = (await versions_of(db, "a"))[-1].delta.replaced
    assert (replaced.old, replaced.new) == (wrong, facts["budget"])


async def test_versions_are_replaced_one_by_one_oldest_first(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without find_remaining in write_refold the first step would call the memory good while others are provisional."""
    for text in ("My name is Ann.", "My city is Rome.", "My budget is 500 euros."):
        await degrade(asked, db, provider, "a", text)
    pass_time(db, SOON)
    for refold_from in (2, 3, None):
        await refold(asked, await claim_refold(db, "a"))
        assert (await work_of(db, "a"))["refold_from"] == refold_from
        assert (await recall(asked, "a"))["degraded"] is (refold_from is not None)
        assert set(await facts_of(db, "a")) == {"name", "city", "budget"}
    versions = await versions_of(db, "a")
    assert [version.replaces_version for version in versions] == [None, None, None, 1, 2, 3]
    assert covered(versions) == [1, 2, 3]
    assert await claim_refolds(db, "a") == []


async def kill_between_draft_and_write(db: Database, environment: dict[str, str], url: str) -> None:
    """Let a worker of its own store the model's second answer, and kill it before it can write."""
    async with db.session() as session:
        await session.connection.execute(HALT_AT_WRITE)
        await session.connection.execute("update chat_memory.chat_work set refold_due_at = now()")
    worker = Program({**environment, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url}).start("work")
    try:
        with anyio.fail_after(PATIENCE):
            while (await work_of(db, "a"))["refold_draft"] is None:  # noqa: ASYNC110 - a table rings no bell
                await anyio.sleep(0.02)
    finally:
        finish(worker, signal.SIGKILL)
    # Again when refused: a pooler may lend a backend that has just been ended.
    await db.run(lambda session: session.connection.execute(END_OTHERS))
    await db.run(
        lambda session: session.connection.execute("drop trigger if exists halt on chat_memory.memory_versions")
    )


async def test_an_answer_that_was_stored_is_not_paid_for_again_after_a_kill(
    environment: dict[str, str], asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without `claim.draft` in _prepare it is paid for twice; in the column of folds the next fold would end it."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    await kill_between_draft_and_write(db, environment, provider.url)
    assert len(provider.asked) == 2
    assert [version.version for version in await versions_of(db, "a")] == [1]
    await append(db, "a", "My city is Rome.")
    pass_time(db, LEASE + SOON)
    await fold(asked, await claim_one(db, "a"))
    assert len(provider.asked) == 3
    await refold(asked, await claim_refold(db, "a"))
    assert len(provider.asked) == 3
    versions = await versions_of(db, "a")
    assert [version.replaces_version for version in versions] == [None, None, 1]
    assert covered(versions) == [1, 2]
    assert {key: fact.id for key, fact in (await facts_of(db, "a")).items()} == {"city": "f2.1", "name": "f3.1"}
    assert "My city is Rome." in (await memory_of(db, "a")).memory.general_summary


async def test_a_written_re_fold_is_never_taken_for_a_lost_one(box: Toolbox, db: Database) -> None:
    """With leases.hold around _write a renewal after the commit finds no lease: written, and said to be lost."""
    refused = Broken(ModelRefusedError(provider="nobody", model="none", status=401))
    for _ in range(60):
        await append(db, "a", "My name is Ann.")
        await fold(replace(box, summarizer=refused, fallback=Extractive()), await claim_one(db, "a"))
    pass_time(db, SOON)
    leases = Leases(db, timedelta(seconds=0.01))
    hasty = replace(box, summarizer=Transcript(), fallback=Extractive(), leases=leases)
    async with anyio.create_task_group() as group:
        group.start_soon(leases.run)
        for _ in range(60):
            await refold(hasty, await claim_refold(db, "a"))
        group.cancel_scope.cancel()
    assert covered(await versions_of(db, "a")) == list(range(1, 61))


async def test_a_killed_re_fold_is_no_lease_the_chat_lost(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without `head_seq > done_seq` in claim_chats ten lost re-folds would take a chat's new turns from the model."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    pass_time(db, SOON)
    assert (await claim_refold(db, "a")).attempts == 1
    pass_time(db, LEASE + timedelta(seconds=1))
    found = await claim_one(db, "a")
    assert found.lease_expiries == 0
    with pytest.raises(LostLeaseError):
        await fold(asked, found)
    assert (await claim_refold(db, "a")).attempts == 2


async def test_forgotten_during_a_re_fold_means_gone(asked: Toolbox, db: Database, provider: MessagesServer) -> None:
    """Without the fences of store_refold_draft and write_refold the late answer would bring the chat back."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    provider.always = slow
    async with looking_again(asked, await claim_refold_later(db, "a")) as raised:
        await until_asked(provider, 2)
        await lives.forget(db, OWNER, key_of("a"))
        provider.may_answer.set()
    assert [type(error) for error in raised] == [LostLeaseError]
    async with db.session() as session:
        for table in ("chat_work", "chat_metadata", "memory_versions", "turns", "conversations"):
            assert await session.connection.fetchval(f"select count(*) from chat_memory.{table}") == 0  # noqa: S608


async def test_turns_that_come_during_a_re_fold_are_due_right_after_it(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without the comparison of head_seq in finish_refold the new turn would wait for the next one."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    provider.always = slow
    async with looking_again(asked, await claim_refold_later(db, "a")) as raised:
        await until_asked(provider, 2)
        await append(db, "a", "My city is Rome.")
        assert await claim_due(db, key_of("a")) == []
        memory = await recall(asked, "a")
        assert [turn["content"] for turn in memory["pending_turns"]] == ["My city is Rome."]
        provider.may_answer.set()
    assert raised == []
    await fold(asked, await claim_one(db, "a"))
    memory = await recall(asked, "a")
    assert (memory["user_confirmed"], memory["degraded"]) == ({"name": "Ann", "city": "Rome"}, False)
    assert covered(await versions_of(db, "a")) == [1, 2]


async def test_new_turns_come_before_a_second_look(asked: Toolbox, db: Database, provider: MessagesServer) -> None:
    """Without `due_at is null and head_seq = done_seq` in claim_refolds old turns could hold new ones up."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    pass_time(db, SOON)
    await append(db, "a", "My city is Rome.")
    assert await claim_refolds(db, "a") == []
    assert await db.run(lambda session: refolds.find_refold_buckets(session, 9)) == []
    await fold(asked, await claim_one(db, "a"))
    assert await claim_refolds(db, "a") != []


async def test_many_workers_replace_each_version_once_and_readers_see_whole_memories(
    db: Database, box: Toolbox, provider: MessagesServer
) -> None:
    """Without `for update of work skip locked`, or the fence, two would ask about the same version and write it."""
    chats = [f"chat {number}" for number in range(8)]
    async with asking(db, box, provider.url, FOLD_LIMIT="16") as asked:
        for chat_id in chats:
            await degrade(asked, db, provider, chat_id, "My name is Ann.")
            await degrade(asked, db, provider, chat_id, "My budget is 500 euros.")
        questions = len(provider.asked)
        pass_time(db, SOON)
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(Worker(asked).run)
            with anyio.fail_after(PATIENCE):
                for chat_id in chats:
                    while (memory := await recall(asked, chat_id))["degraded"]:
                        assert (memory["covers_seq"], memory["pending"]) == (2, 0)
                        assert memory["user_confirmed"] == {"name": "Ann", "budget": "500 euros"}
            group.cancel_scope.cancel()
    assert len(provider.asked) == questions + 2 * len(chats)
    for chat_id in chats:
        versions = await versions_of(db, chat_id)
        assert [version.replaces_version for version in versions] == [None, None, 1, 2]
        assert covered(versions) == [1, 2]
        assert all(one.version + 1 == other.version for one, other in pairwise(versions))


async def test_a_version_cannot_be_replaced_twice(asked: Toolbox, db: Database, provider: MessagesServer) -> None:
    """Without the fences of store_refold_draft and write_refold a worker whose lease was lost would write as well."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    provider.always = slow
    async with looking_again(asked, await claim_refold_later(db, "a")) as raised:
        await until_asked(provider, 2)
        pass_time(db, LEASE + timedelta(seconds=1))
        with pytest.raises(LostLeaseError):
            await fold(asked, await claim_one(db, "a"))  # due without turns: whoever takes it hands it back
        provider.always = None
        await refold(asked, await claim_refold(db, "a"))
        provider.may_answer.set()
    assert [type(error) for error in raised] == [LostLeaseError]
    assert [version.replaces_version for version in await versions_of(db, "a")] == [None, 1]


async def test_a_lease_lost_between_answer_and_write_writes_nothing(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """The chat is somebody else's in the moment the draft is stored: without hold_leases in write_refold both write."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    async with db.session() as session:
        await session.connection.execute(TAKEN_OVER)
    with pytest.raises(LostLeaseError):
        await refold(asked, await claim_refold_later(db, "a"))
    assert [version.replaces_version for version in await versions_of(db, "a")] == [None]
    assert (await recall(asked, "a"))["version"] == 1


async def test_the_gate_decides_again_against_the_memory_at_the_write(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without `again` in write_refold what another wrote in the moment the draft was stored would be lost."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    (old,) = (await facts_of(db, "a")).values()
    newer = old.model_copy(update={"id": "other", "key": "home", "value": "Lyon", "basis": "operator"})
    facts = f"[{old.model_dump_json()}, {newer.model_dump_json()}]"
    async with db.session() as session:
        await session.connection.execute(CHANGE_BETWEEN.replace("{facts}", facts))
    await refold(asked, await claim_refold_later(db, "a"))
    stored = await memory_of(db, "a")
    assert stored.version == 3
    assert {fact.id for fact in stored.memory.user_confirmed} == {"other", "f3.1"}


@pytest.mark.parametrize("fault", UNUSABLE.values(), ids=UNUSABLE)
async def test_a_second_look_that_fails_costs_the_chat_nothing(
    asked: Toolbox, db: Database, provider: MessagesServer, fault: Fault
) -> None:
    """Without fail_refold in _record_failure its attempts would count against the chat's new turns, or never end."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    before = await recall(asked, "a")
    provider.always = fault
    pass_time(db, SOON)
    with capture_logs() as logs:
        for _ in range(asked.settings.max_attempts):
            with pytest.raises(FoldError):
                await refold(asked, await claim_refold(db, "a"))
            assert await claim_refolds(db, "a") == []
            pass_time(db, timedelta(hours=1))
    assert await claim_refolds(db, "a") == []
    assert [line["event"] for line in logs if "refold" in line["event"]] == [
        *["refold_failed"] * (asked.settings.max_attempts - 1),
        "refold_abandoned",
    ]
    work = await work_of(db, "a")
    assert (work["attempts"], work["lease_expiries"], work["failed_at"], work["last_error"]) == (0, 0, None, None)
    assert (work["lease_token"], work["due_at"], work["refold_from"]) == (None, None, 1)
    assert await recall(asked, "a") == before


async def test_an_abandoned_version_is_looked_at_again_when_somebody_asks(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without redrive_refolds, or refold_attempts = 0 in plan_refolds, it would stay provisional for ever."""
    for chat_id in ("a", "b"):
        await degrade(asked, db, provider, chat_id, "My name is Ann.")
        pass_time(db, SOON)
        for _ in range(asked.settings.max_attempts):
            (claim,) = await claim_refolds(db, chat_id)
            async with db.session() as session:
                await refolds.fail_refold(session, claim, timedelta())
        assert await claim_refolds(db, chat_id) == []
    assert await refolds.redrive_refolds(db, [key_of("a"), key_of("nobody")]) == {key_of("a")}
    await refold(asked, await claim_refold(db, "a"))
    assert await refolds.redrive_refolds(db, None) == {key_of("b")}
    await degrade(asked, db, provider, "b", "My city is Rome.")
    pass_time(db, SOON)
    for _ in range(2):
        await refold(asked, await claim_refold(db, "b"))
    assert (await recall(asked, "b"))["degraded"] is False


async def test_the_next_degraded_fold_asks_again(asked: Toolbox, db: Database, provider: MessagesServer) -> None:
    """Without plan_refolds in write_folds an abandoned chat would not be looked at when more of it is provisional."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    pass_time(db, SOON)
    for _ in range(asked.settings.max_attempts):
        claim = await claim_refold(db, "a")
        async with db.session() as session:
            await refolds.fail_refold(session, claim, timedelta())
    await degrade(asked, db, provider, "a", "My city is Rome.")
    pass_time(db, SOON)
    assert (await claim_refold(db, "a")).attempts == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(429, "rate_limit_error", retry_after="40"), ModelBusyError),
        (status(529, "overloaded_error"), ModelBusyError),
        (status(401, "authentication_error"), ModelRefusedError),
    ],
)
async def test_when_nobody_can_be_asked_nothing_is_counted(
    asked: Toolbox, db: Database, provider: MessagesServer, fault: Fault, error: type[Exception]
) -> None:
    """Without NOBODY_TO_ASK in refold a forgotten key would use up every chat's tries.

    With a delay in hand_back_refold a worker with a better key would wait.
    """
    await degrade(asked, db, provider, "a", "My name is Ann.")
    provider.always = fault
    pass_time(db, SOON)
    for _ in range(2 * asked.settings.max_attempts):
        claim = await claim_refold(db, "a")
        assert claim.attempts == 1
        with pytest.raises(error):
            await refold(asked, claim)
    assert len(provider.asked) == 2


async def test_a_worker_asks_nobody_while_the_model_is_refused_and_no_more_than_the_budget_holds(
    db: Database, box: Toolbox, provider: MessagesServer
) -> None:
    """Without _keep_quiet in Refolds every chat would be claimed in vain, again and again."""
    async with asking(db, box, provider.url) as asked:
        for chat_id in ("a", "b", "c"):
            await degrade(asked, db, provider, chat_id, "My name is Ann.")
        pass_time(db, SOON)
        looker = Refolds(asked)
        provider.always = status(401, "authentication_error")
        (claim, *_) = await looker.claim(1)
        with pytest.raises(ModelRefusedError):
            await looker.fold(claim)
        assert await looker.claim(100) == []
    questions = len(provider.asked)
    async with asking(db, box, provider.url, DAILY_BUDGET_USD="0") as poor:
        assert await Refolds(poor).claim(100) == []
        with pytest.raises(BudgetSpentError):
            await refold(poor, await claim_refold(db, "c"))
    assert len(provider.asked) == questions


async def test_after_a_refusal_one_question_shows_whether_the_model_is_back(
    asked: Toolbox, db: Database, provider: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `_doubtful` in Refolds a model that comes back, or does not, would meet a whole share of questions."""
    for chat_id in ("a", "b", "c"):
        await degrade(asked, db, provider, chat_id, "My name is Ann.")
    pass_time(db, SOON)
    monkeypatch.setattr(refolding, "QUIET_SECONDS", 1e-9)
    monkeypatch.setattr(pause, "REFUSED_SECONDS", 0.0)
    looker = Refolds(asked)
    provider.next_faults = [status(401, "authentication_error")]
    (claim,) = await looker.claim(1)
    with pytest.raises(ModelRefusedError):
        await looker.fold(claim)
    (claim,) = await looker.claim(100)
    assert await looker.claim(100) == []
    await looker.fold(claim)
    assert [len(await looker.claim(100)) for _ in range(3)] == [1, 1, 0]


async def test_without_a_model_nothing_is_looked_at_again(
    asked: Toolbox, box: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without `fallback is None` in Refolds.claim extraction would replace its own version, and call it good."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    pass_time(db, SOON)
    assert await Refolds(box).claim(100) == []
    assert len(await Refolds(asked).claim(100)) == 1


async def test_a_second_look_waits_until_the_model_had_time_to_come_back(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without the delay of plan_refolds the model that just failed would be asked about the same turns at once."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    assert await claim_refolds(db, "a") == []
    pass_time(db, SOON)
    assert len(await claim_refolds(db, "a")) == 1


async def test_second_looks_leave_room_for_new_turns(asked: Toolbox, db: Database, provider: MessagesServer) -> None:
    """Without SHARE in Refolds.claim a night of outage would hold up the next day's turns."""
    for number in range(6):
        await degrade(asked, db, provider, f"chat {number}", "My name is Ann.")
    pass_time(db, SOON)
    looker = Refolds(asked)
    claims = [claim for _ in range(6) for claim in await looker.claim(100)]
    assert len(claims) == asked.settings.fold_limit // 4


async def test_a_worker_told_to_stop_hands_a_second_look_back(
    asked: Toolbox, db: Database, provider: MessagesServer
) -> None:
    """Without the hand-back in refold a restart would cost the chat a try, and the length of a lease."""
    await degrade(asked, db, provider, "a", "My name is Ann.")
    provider.always = slow
    pass_time(db, SOON)
    async with anyio.create_task_group() as group:
        group.start_soon(Worker(asked).run)
        await until_asked(provider, 2)
        group.cancel_scope.cancel()
    work = await work_of(db, "a")
    assert (work["lease_token"], work["due_at"], work["refold_attempts"]) == (None, None, 0)
    provider.may_answer.set()
    await refold(asked, await claim_refold(db, "a"))
    assert (await recall(asked, "a"))["degraded"] is False


async def test_turns_over_todays_budget_are_shown_shortened_and_searched_whole(
    asked: Toolbox, db: Database, box: Toolbox, provider: MessagesServer
) -> None:
    """A version made under a larger MODEL_FOLD_BYTES still fits one question."""
    await degrade(asked, db, provider, "a", *(f"My name is Ann. {'word ' * 700}" for _ in range(5)))
    async with asking(db, box, provider.url, MODEL_FOLD_BYTES="4000") as small:
        await refold(small, await claim_refold_later(db, "a"))
    shown = provider.asked[-1].turns
    assert [turn.seq for turn in shown] == [1, 2, 3, 4, 5]
    assert sum(len(turn.text.encode()) for turn in shown) < 5000
    assert (await recall(asked, "a"))["degraded"] is False
