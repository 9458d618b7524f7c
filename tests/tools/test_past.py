"""Reading the past: whatever was superseded, demoted, evicted or left the summary is named, and quotes stay."""

from dataclasses import replace
from typing import Literal, NamedTuple

import pytest
from pydantic import BaseModel

from chat_memory.errors import BackwardRangeError, OwnerMismatchError, PastQueryError, UnknownVersionError
from chat_memory.models import Caller, Delta, Message, ProposedFact
from chat_memory.prompts.wanted import Confirmation, Correction
from chat_memory.replies import ChangeLine, DifferenceReply, Evidence, MemoryReply, VersionsReply
from chat_memory.settings import Settings
from chat_memory.storage.database import Database
from chat_memory.storage.memory_versions import read_versions
from chat_memory.tools.fence import count_reply
from chat_memory.tools.forget import forget
from chat_memory.tools.get_memory import get_memory
from chat_memory.tools.revise_memory import revise_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory
from tests.chats import key_of
from tests.prompts.said import Op, Said, propose
from tests.replay import facts_of, replay
from tests.summarizers import Answering

CHAT = "a"


async def say(box: Toolbox, caller: Caller, *contents: str, chat_id: str = CHAT) -> None:
    """Write the user's words and fold them."""
    await update_memory(box, caller, chat_id, [Message(role="user", content=content) for content in contents])
    await summarize(box, caller, chat_id)


async def answer(box: Toolbox, caller: Caller, said: str, *facts: ProposedFact, summary: str = "A summary.") -> None:
    """Write the user's words and fold them with this answer of a model."""
    delta = Delta(facts=facts, summary=summary)
    await say(replace(box, summarizer=Answering(lambda _: delta)), caller, said)


def claim(
    value: str, quote: str, seq: int, *, key: str = "city", op: Op = "add", basis: Said = "user_stated", of: str = ""
) -> ProposedFact:
    return propose(key, value, quote, seq, op=op, basis=basis, replaces=of)


class Asked(NamedTuple):
    """What of the past is asked for."""

    detail: Literal["plain", "evidence", "versions"] = "plain"
    version: int = 0
    since: int = 0


async def ask(box: Toolbox, caller: Caller, asked: Asked) -> BaseModel:
    return await get_memory(box, caller, CHAT, detail=asked.detail, version=asked.version, since=asked.since)


async def history(
    box: Toolbox, caller: Caller, max_tokens: int = 3000, *, version: int = 0, since: int = 0
) -> VersionsReply:
    reply = await get_memory(box, caller, CHAT, max_tokens=max_tokens, detail="versions", version=version, since=since)
    assert isinstance(reply, VersionsReply)
    return reply


async def difference(box: Toolbox, caller: Caller, since: int, version: int = 0) -> list[ChangeLine]:
    reply = await get_memory(box, caller, CHAT, version=version, since=since)
    assert isinstance(reply, DifferenceReply)
    return list(reply.changes)


async def past(box: Toolbox, caller: Caller, version: int, *, evidence: bool = False) -> MemoryReply:
    reply = await get_memory(box, caller, CHAT, detail="evidence" if evidence else "plain", version=version)
    assert isinstance(reply, MemoryReply)
    return reply


async def last_changes(box: Toolbox, caller: Caller) -> list[tuple[str, str | None, str | None, str | None]]:
    """What the latest version did to facts."""
    (latest, *_) = (await history(box, caller)).versions
    return [(line.what, line.key, line.value, line.was) for line in latest.changes if line.key is not None]


# A new value of the same key supersedes with history, on every path


async def test_a_correction_without_a_model_supersedes_with_history(box: Toolbox, alice: Caller) -> None:
    await say(box, alice, "Our budget is 900 euros.")
    await say(box, alice, "Actually, our budget is 1200 euros.")
    ((what, _, value, was),) = await last_changes(box, alice)
    assert (what, "1200" in str(value), "900" in str(was)) == ("superseded", True, True)


async def test_a_fact_a_model_supersedes_by_its_id_keeps_its_history(box: Toolbox, alice: Caller) -> None:
    await answer(box, alice, "I live in Rome.", claim("Rome", "I live in Rome.", 1))
    moved = "Actually I have moved, I live in Paris now."
    await answer(box, alice, moved, claim("Paris", moved, 2, key="home", op="supersede", of="f1.1"))
    assert await last_changes(box, alice) == [("superseded", "home", "Paris", "city: Rome")]


async def test_a_fact_added_under_a_known_key_supersedes_with_history(box: Toolbox, alice: Caller) -> None:
    """Without _place naming what is gone an `add` would be a silent overwrite."""
    await answer(box, alice, "I live in Rome.", claim("Rome", "I live in Rome.", 1))
    await answer(box, alice, "I live in Paris.", claim("Paris", "I live in Paris.", 2))
    assert await last_changes(box, alice) == [("superseded", "city", "Paris", "Rome")]


async def test_a_guess_the_user_states_is_confirmed_and_its_past_is_named(box: Toolbox, alice: Caller) -> None:
    """Without Revision.promoted the version would say that a guess was said again."""
    await answer(box, alice, "Hm.", claim("Rome", "", 1, basis="inferred"))
    await answer(box, alice, "I live in Rome.", claim("Rome", "I live in Rome.", 2))
    assert await last_changes(box, alice) == [("confirmed", "city", "Rome", None)]
    (line,) = await difference(box, alice, 1)
    assert (line.what, line.value, line.version) == ("confirmed", "Rome", 2)


async def test_a_guess_the_user_contradicts_is_superseded_by_the_users_word(box: Toolbox, alice: Caller) -> None:
    await answer(box, alice, "Hm.", claim("Rome", "", 1, basis="inferred"))
    await answer(box, alice, "I live in Paris.", claim("Paris", "I live in Paris.", 2))
    assert await last_changes(box, alice) == [("superseded", "city", "Paris", "Rome")]
    (line,) = await difference(box, alice, 1)
    assert (line.what, line.value, line.was) == ("confirmed", "Paris", "Rome")


async def test_what_the_user_takes_back_is_named_as_retracted(box: Toolbox, alice: Caller) -> None:
    await answer(box, alice, "I live in Rome.", claim("Rome", "I live in Rome.", 1))
    await answer(box, alice, "Forget my city.", claim("", "Forget my city.", 2, op="retract", of="f1.1"))
    assert await last_changes(box, alice) == [("retracted", "city", "Rome", None)]
    (line,) = await difference(box, alice, 1)
    assert (line.what, line.value, line.reason, line.version) == ("removed", "Rome", "retracted", 2)


async def test_a_fact_demoted_is_named_with_its_reason(box: Toolbox, alice: Caller) -> None:
    await answer(box, alice, "I live in Rome.", claim("Paris", "I live in Rome.", 1))
    (version,) = (await history(box, alice)).versions
    (line,) = version.changes
    assert (line.what, line.key, line.value, line.reason) == ("demoted", "city", "Paris", "the quote lacks paris")


async def test_a_fact_dropped_is_named_with_its_reason(box: Toolbox, alice: Caller) -> None:
    await answer(box, alice, "I live in Rome.", claim("Rome", "I live in Rome.", 9))
    (version,) = (await history(box, alice)).versions
    (line,) = version.changes
    assert (line.what, line.value, line.reason) == ("dropped", "Rome", "turn 9 is not evidence of this fold")


async def test_an_evicted_guess_is_named(box: Toolbox, alice: Caller) -> None:
    small = replace(box, settings=Settings(memory_tokens=256))
    await answer(
        small, alice, "Hm.", *(claim("word " * 40, "", 1, key=f"plan {n}", basis="inferred") for n in range(3))
    )
    await answer(
        small, alice, "Hm.", *(claim("talk " * 40, "", 2, key=f"idea {n}", basis="inferred") for n in range(5))
    )
    gone = {key for what, key, _, _ in await last_changes(small, alice) if what == "evicted"}
    assert {"plan 0", "plan 1", "plan 2"} <= gone
    lines = await difference(small, alice, 1)
    assert {(line.key, line.reason) for line in lines if line.what == "removed"} == {
        (f"plan {n}", "evicted") for n in range(3)
    }


async def test_nothing_leaves_the_summary_unnamed(box: Toolbox, alice: Caller) -> None:
    await answer(box, alice, "Hm.", summary="They meet on Monday.\nThe hotel is called Aurora.")
    await answer(box, alice, "Hm.", summary="They meet on Monday.")
    (latest, _) = (await history(box, alice)).versions
    assert [(line.what, line.value) for line in latest.changes] == [("left_summary", "The hotel is called Aurora.")]
    assert await difference(box, alice, 1) == list(latest.changes)


async def test_verdicts_are_named_for_what_they_are(box: Toolbox, alice: Caller) -> None:
    """Without `promoted` in Docket.tell a guess a person confirmed would look like a fact said again."""
    person = replace(alice, scopes=frozenset({"memory:confirm"}))
    guesses = [claim("Rome", "", 1, basis="inferred"), claim("Ann", "", 1, key="name", basis="inferred")]
    await answer(box, alice, "Hm.", *guesses)
    shown = (await past(box, alice, 0, evidence=True)).llm_inferred
    ids = {key: proof.id for key, proof in shown.items() if isinstance(proof, Evidence)}
    await revise_memory(box, person, CHAT, confirm=[Confirmation(id=ids["city"])], reject=[ids["name"]])
    assert await last_changes(box, alice) == [("rejected", "name", "Ann", None), ("confirmed", "city", "Rome", None)]
    await revise_memory(box, person, CHAT, correct=[Correction(id=ids["city"], value="Oslo")])
    assert await last_changes(box, alice) == [("superseded", "city", "Oslo", "Rome")]
    await revise_memory(box, person, CHAT, restore=2)
    assert await last_changes(box, alice) == [("superseded", "city", "Rome", "Oslo")]
    versions = (await history(box, alice)).versions
    assert [line.summarizer for line in versions] == ["restore", "verdict", "verdict", "test"]
    assert [(line.what, line.key, line.was) for line in await difference(box, alice, 1)] == [
        ("confirmed", "city", None),
        ("removed", "name", None),
    ]
    assert await check_replay(box.db) == 4


async def test_what_was_replayed_from_the_deltas_is_what_was_stored(box: Toolbox, alice: Caller, db: Database) -> None:
    """Also through the database: whatever a stored version holds, its deltas tell."""
    said = ["My name is Ana. Our budget is 900 euros.", "I assume you like trains.", "No, make it 700 euros."]
    for text in (*said, "I live in Rome.", "Actually I moved, I live in Oslo.", "Forget my name."):
        await say(box, alice, text)
    assert await check_replay(db) == 6


async def check_replay(db: Database) -> int:
    """Tell each stored memory's facts again from the deltas, and count them."""
    async with db.session() as session:
        versions = await read_versions(session, key_of(CHAT))
    assert replay(version.delta for version in versions) == [facts_of(version.memory) for version in versions]
    return len(versions)


# The memory as it was


async def test_a_past_memory_is_as_it_was_and_says_how_far_it_reached(box: Toolbox, alice: Caller) -> None:
    await say(box, alice, "Our budget is 900 euros.")
    await say(box, alice, "Actually, our budget is 1200 euros.")
    await update_memory(box, alice, CHAT, [Message(role="user", content="still pending")])
    then, now = await past(box, alice, 1), await past(box, alice, 0)
    assert "900" in str(then.user_confirmed)
    assert "1200" not in str(then)
    assert (then.version, then.covers_seq, then.pending, then.pending_turns) == (1, 1, 0, ())
    assert (now.version, now.covers_seq, now.pending) == (2, 2, 1)
    assert (await past(box, alice, 2)).user_confirmed == now.user_confirmed


async def test_the_quote_outlives_its_turn(box: Toolbox, alice: Caller, db: Database) -> None:
    """Retention deletes turns: the quote is the fact's own copy, then and now."""
    await say(box, alice, "My name is Ana.")
    await say(box, alice, "Our budget is 900 euros.")
    async with db.session() as session:
        await session.connection.execute("delete from chat_memory.turns")
    for version in (0, 2):
        (name, budget) = (await past(box, alice, version, evidence=True)).user_confirmed.values()
        assert isinstance(name, Evidence)
        assert isinstance(budget, Evidence)
        assert (name.seq, name.quote, name.first_version, name.last_version) == (1, "My name is Ana", 1, 1)
        assert (budget.seq, budget.quote, budget.first_version) == (2, "Our budget is 900 euros", 2)


async def test_evidence_says_since_when_and_until_when_a_fact_was_said(box: Toolbox, alice: Caller) -> None:
    for _ in range(3):
        await say(box, alice, "My name is Ana.")
    (name,) = (await past(box, alice, 0, evidence=True)).user_confirmed.values()
    assert isinstance(name, Evidence)
    assert (name.first_version, name.last_version, name.seq) == (1, 3, 1)


# The list of versions


async def test_versions_are_listed_newest_first(box: Toolbox, alice: Caller) -> None:
    for text in ("One.", "Two.", "Three."):
        await say(box, alice, text, text)
    reply = await history(box, alice)
    assert reply.version == 3
    assert [(line.version, line.from_seq, line.covers_seq) for line in reply.versions] == [
        (3, 5, 6),
        (2, 3, 4),
        (1, 1, 2),
    ]
    assert {(line.summarizer, line.model, line.degraded) for line in reply.versions} == {("extractive", None, None)}
    assert reply.left_out is None
    assert [line.version for line in (await history(box, alice, version=2)).versions] == [2, 1]
    assert [line.version for line in (await history(box, alice, version=2, since=1)).versions] == [2]


@pytest.mark.parametrize("max_tokens", [256, 300, 512, 1_000, 2_000, 8_000])
async def test_what_is_told_of_the_past_fits_its_cap_and_names_the_rest(
    box: Toolbox, alice: Caller, max_tokens: int
) -> None:
    """Without the search of past.fit a list would be cut somewhere, or be larger than asked for."""
    box = replace(box, settings=Settings(memory_tokens=8_000))
    for number in range(6):
        facts = (
            claim(f"value {n} of {number} 🧠<", "", number + 1, key=f"key {n}", basis="inferred") for n in range(25)
        )
        await answer(box, alice, f"turn {number}", *facts, summary=f"Line {number}.")
    reply = await history(box, alice, max_tokens)
    assert count_reply(reply) <= max_tokens
    assert len(reply.versions) + (reply.left_out or {}).get("versions", 0) == 6
    assert [line.version for line in reply.versions] == list(range(6, 6 - len(reply.versions), -1))
    assert all(line.left_out is None for line in reply.versions[:-1]), "only the last is cut"
    assert reply.versions
    told = await get_memory(box, alice, CHAT, max_tokens=max_tokens, since=1)
    assert isinstance(told, DifferenceReply)
    assert count_reply(told) <= max_tokens
    assert len(told.changes) + sum((told.left_out or {}).values()) == 25 + 2


async def test_a_long_chat_id_does_not_push_the_past_out(box: Toolbox, alice: Caller) -> None:
    """Without shorten_id the id of a chat, known or not, could be more than the cap."""
    unknown = await get_memory(box, alice, "\x01" * 512, max_tokens=256, detail="versions")
    assert count_reply(unknown) <= 256
    for chat_id in ("<" * 512, "🧠" * 128):
        await say(box, alice, "My name is Ana.", chat_id=chat_id)
        await say(box, alice, "Our budget is 900 euros.", chat_id=chat_id)
        for reply in (
            await get_memory(box, alice, chat_id, max_tokens=256, detail="versions"),
            await get_memory(box, alice, chat_id, max_tokens=256, since=1),
            await get_memory(box, alice, chat_id, max_tokens=256, version=1),
        ):
            assert count_reply(reply) <= 256


# What there is not, and whose it is


@pytest.mark.parametrize("detail", ["plain", "evidence", "versions"])
async def test_an_unknown_version_is_refused_with_those_there_are(
    box: Toolbox, alice: Caller, detail: Literal["plain", "evidence", "versions"]
) -> None:
    """Without clamp a number beyond PostgreSQL's integers would be a fault of ours, not a version there is not."""
    for _ in range(2):
        await say(box, alice, "My name is Ana.")
    for version, since in ((3, 0), (-1, 0), (0, 3), (3, 1), (0, 2**40), (2**40, 0), (-(2**40), 0), (0, -(2**40))):
        with pytest.raises(UnknownVersionError, match="versions 1 to 2"):
            await ask(box, alice, Asked(detail, version, since))


async def test_a_chat_that_was_never_folded_has_no_versions(box: Toolbox, alice: Caller) -> None:
    assert await history(box, alice) == VersionsReply(chat_id=CHAT)
    await update_memory(box, alice, CHAT, [Message(role="user", content="hello")])
    assert await history(box, alice) == VersionsReply(chat_id=CHAT)
    for asked in (Asked(version=1), Asked(since=1)):
        with pytest.raises(UnknownVersionError, match="none yet"):
            await ask(box, alice, asked)


async def test_a_way_back_in_time_is_refused(box: Toolbox, alice: Caller) -> None:
    for _ in range(2):
        await say(box, alice, "My name is Ana.")
    for asked in (Asked("plain", 1, 2), Asked("versions", 1, 2)):
        with pytest.raises(BackwardRangeError, match="since=2 comes after version=1"):
            await ask(box, alice, asked)
    assert await difference(box, alice, 2) == []


async def test_a_query_in_the_past_is_refused_in_words(box: Toolbox, alice: Caller) -> None:
    """Without _refuse_past the query would go unanswered without a word. Blank, it is none."""
    for _ in range(2):
        await say(box, alice, "My name is Ana.")
    with pytest.raises(PastQueryError, match=r'and detail="versions" and version and since asks for its past'):
        await get_memory(box, alice, CHAT, query="name", detail="versions", version=2, since=1)
    for asked in (Asked("versions"), Asked(version=1), Asked(since=1)):
        with pytest.raises(PastQueryError):
            await get_memory(box, alice, CHAT, "name", 3_000, *asked)
    assert await get_memory(box, alice, CHAT, " ", version=1) == await past(box, alice, 1)


@pytest.mark.parametrize("asked", [Asked("versions"), Asked(version=1), Asked(since=1)])
async def test_the_past_of_anothers_chat_is_never_shown(box: Toolbox, alice: Caller, bob: Caller, asked: Asked) -> None:
    """Without refuse_other_owner in past._check a row under another's key would be shown."""
    await say(box, alice, "My name is Ana.")
    if asked.detail == "versions":
        assert await ask(box, bob, asked) == VersionsReply(chat_id=CHAT)
    else:
        with pytest.raises(UnknownVersionError, match="none yet"):
            await ask(box, bob, asked)
    async with box.db.session() as session:
        await session.connection.execute("update chat_memory.conversations set owner = 'mallory'")
    with pytest.raises(OwnerMismatchError):
        await ask(box, alice, asked)


async def test_a_forgotten_chat_has_no_past(box: Toolbox, alice: Caller) -> None:
    await say(box, alice, "My name is Ana.")
    await forget(box, alice, CHAT)
    assert await history(box, alice) == VersionsReply(chat_id=CHAT)
    with pytest.raises(UnknownVersionError):
        await past(box, alice, 1)
