"""The gate: code, not a prompt, decides what becomes memory (rules 1-5 and 7, shared notes anthropic-sdk.md).

Pure: the same memory, delta and turns give the same answer. It runs at the draft and again at the write, where the
memory may be newer, so a proposal that names a fact no longer there loses its target, never more.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chat_memory.errors import RejectedDeltaError
from chat_memory.models import Change, Delta, Fact, Memory, ProposedFact, Refused, Replaced, Turn
from chat_memory.prompts.proof import Evidence, Verdict
from chat_memory.prompts.summaries import check_echoes, check_summary, fit_lines, name_left
from chat_memory.prompts.tokens import CAP_SHARE, count_facts, count_tokens
from chat_memory.prompts.words import content_words, key_words, words

SUMMARY_SHARE = 0.7
"""Most of the used cap a summary may take, so that a long one cannot push out every assumption."""

_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Admitted:
    """The memory a delta leads to, and what changed on the way."""

    memory: Memory
    change: Change


def admit(
    memory: Memory,
    delta: Delta,
    turns: Mapping[int, Turn],
    *,
    version: int,
    memory_tokens: int,
    forbidden_echoes: Sequence[str] = (),
) -> Admitted:
    """Apply what a delta proves, demote what it only claims, and name everything that gave way.

    `turns` holds, by seq, the turns of the fold and those existing facts cite; `version` is the one being written;
    `memory_tokens` caps the whole memory, of which `CAP_SHARE` is used.

    Raises:
        RejectedDeltaError: the whole fold fails: forbidden characters, or a summary that is none (rule 7).
    """
    _check_characters(delta)
    limit = int(memory_tokens * CAP_SHARE)
    revision = _Revision(version, limit, _by_id(memory.user_confirmed), _by_id(memory.llm_inferred))
    evidence = Evidence(turns)
    for proposal in delta.facts:
        revision.settle(proposal, evidence)
    summary = memory.general_summary if delta.summary is None else delta.summary.strip()
    if delta.summary is not None:
        check_echoes(summary, forbidden_echoes, [turn.content for turn in turns.values()])
        check_summary(memory.general_summary, summary, revision.texts(), revision.summary_room())
    return revision.close(memory.general_summary, summary)


def _check_characters(delta: Delta) -> None:
    texts = [text for fact in delta.facts for text in (fact.key, fact.value, fact.quote, fact.replaces)]
    if any(_FORBIDDEN.search(text) for text in [*texts, delta.summary or ""]):
        raise RejectedDeltaError(reason="NUL or a lone surrogate, which PostgreSQL cannot store")


def _by_id(facts: Iterable[Fact]) -> dict[str, Fact]:
    return {fact.id: fact for fact in facts}


def _same_key(one: str, other: str) -> bool:
    return one == other or (key_words(one) == key_words(other) != [])


def _same_value(one: str, other: str) -> bool:
    return one == other or (words(one) == words(other) != [])


@dataclass(slots=True)
class _Revision:
    """A version in the making: the facts so far, and the list of what changed."""

    version: int
    limit: int
    confirmed: dict[str, Fact]
    inferred: dict[str, Fact]
    added: list[Fact] = field(default_factory=list[Fact])
    renewed: dict[str, Fact] = field(default_factory=dict[str, Fact])
    replaced: list[Replaced] = field(default_factory=list[Replaced])
    refused: list[Refused] = field(default_factory=list[Refused])
    evicted: list[Fact] = field(default_factory=list[Fact])
    numbered: int = 0

    def settle(self, proposal: ProposedFact, evidence: Evidence) -> None:
        """Give one proposal the place its evidence earns."""
        if proposal.op == "retract":
            self._retract(proposal, evidence)
            return
        verdict = evidence.weigh(proposal)
        if verdict.field == "":
            self._refuse(proposal, verdict.reason, dropped=True)
        elif verdict.field == "user_confirmed":
            self._confirm(proposal, verdict)
        else:
            self._infer(proposal, verdict)

    def texts(self) -> list[str]:
        """List the keys and values of all facts."""
        facts = [*self.confirmed.values(), *self.inferred.values()]
        return [text for fact in facts for text in (fact.key, fact.value)]

    def summary_room(self) -> int:
        """Count the tokens a summary may take beside the confirmed facts."""
        return min(self.limit - count_facts(self.confirmed.values()), int(self.limit * SUMMARY_SHARE))

    def close(self, old_summary: str, summary: str) -> Admitted:
        """Fit the cap (rule 5): confirmed facts stay, the summary keeps its share, assumptions go oldest first."""
        kept, trimmed = fit_lines(summary, self.summary_room())
        room = self.limit - count_facts(self.confirmed.values()) - count_tokens(kept)
        for fact in sorted(self.inferred.values(), key=lambda fact: (fact.last_version, fact.first_version)):
            if count_facts(self.inferred.values()) <= room:
                break
            self.evicted.append(self.inferred.pop(fact.id))
        memory = Memory(
            user_confirmed=tuple(self.confirmed.values()),
            llm_inferred=tuple(self.inferred.values()),
            general_summary=kept,
        )
        change = Change(
            added=tuple(self.added),
            confirmed=tuple(self.renewed.values()),
            replaced=tuple(self.replaced),
            refused=tuple(self.refused),
            evicted=tuple(self.evicted),
            left_summary=name_left(old_summary, [kept, *self.texts()], trimmed),
        )
        return Admitted(memory, change)

    def _confirm(self, proposal: ProposedFact, verdict: Verdict) -> None:
        """Admit what the user stated: renew the fact that says so already, or replace what it contradicts."""
        rivals = self._rivals(proposal, [*self.confirmed.values(), *self.inferred.values()])
        self._note_orphan(proposal, rivals)
        same = next((fact for fact in rivals if _says_same(fact, proposal)), None)
        if same is not None and same.id in self.confirmed:
            self._renew(self.confirmed, same)
            return
        new = self._fact(proposal, verdict) if same is None else _promoted(same, proposal, self.version)
        gone = [fact for fact in rivals if fact is not same]
        after = [fact for fact in self.confirmed.values() if fact not in gone]
        if count_facts([*after, new]) > self.limit:
            self._refuse(proposal, "no room", dropped=True)
            return
        if same is not None:
            del self.inferred[same.id]
            self.renewed[new.id] = new
        self._place(self.confirmed, new, gone, added=same is None)

    def _infer(self, proposal: ProposedFact, verdict: Verdict) -> None:
        """Admit an assumption; it may replace assumptions, never a confirmed fact."""
        if any(_says_same(fact, proposal) for fact in self.confirmed.values()):
            self._refuse(proposal, verdict.reason or "already confirmed", dropped=True)
            return
        rivals = self._rivals(proposal, list(self.inferred.values()))
        protected = proposal.replaces in self.confirmed
        if protected or verdict.reason:
            self._refuse(proposal, verdict.reason or "only the user's own words replace a confirmed fact")
        else:
            self._note_orphan(proposal, rivals)
        same = next((fact for fact in rivals if _says_same(fact, proposal)), None)
        if same is not None:
            self._renew(self.inferred, same)
        else:
            self._place(self.inferred, self._fact(proposal, verdict), rivals, added=True)

    def _retract(self, proposal: ProposedFact, evidence: Evidence) -> None:
        """Remove a fact; a confirmed one only by the user's own words about it."""
        holder = self.confirmed if proposal.replaces in self.confirmed else self.inferred
        old = holder.get(proposal.replaces)
        if old is None:
            self._refuse(proposal, "there is no such fact", dropped=True)
            return
        reason = evidence.weigh_retraction(proposal, old, confirmed=holder is self.confirmed)
        if reason:
            self._refuse(proposal, reason, dropped=True)
            return
        del holder[old.id]
        self.replaced.append(Replaced(old=old, new=None))

    def _rivals(self, proposal: ProposedFact, facts: Sequence[Fact]) -> list[Fact]:
        """Find the facts a proposal is about: those of its key, and the one it names if it speaks of that one."""
        rivals = [fact for fact in facts if _same_key(fact.key, proposal.key)]
        named = next((fact for fact in facts if fact.id == proposal.replaces), None)
        if named is not None and named not in rivals and (named.id in self.inferred or _speaks_of(named, proposal)):
            rivals.append(named)
        return rivals

    def _note_orphan(self, proposal: ProposedFact, rivals: Sequence[Fact]) -> None:
        if proposal.op != "add" and not rivals:
            self.refused.append(Refused(proposal=proposal, reason="it names no fact it speaks of", outcome="added"))

    def _place(self, holder: dict[str, Fact], new: Fact, gone: Sequence[Fact], *, added: bool) -> None:
        for old in gone:
            self.confirmed.pop(old.id, None)
            self.inferred.pop(old.id, None)
            self.replaced.append(Replaced(old=old, new=new))
        if added and not gone:
            self.added.append(new)
        holder[new.id] = new

    def _renew(self, holder: dict[str, Fact], fact: Fact) -> None:
        if fact.last_version < self.version:
            holder[fact.id] = self.renewed[fact.id] = fact.model_copy(update={"last_version": self.version})

    def _refuse(self, proposal: ProposedFact, reason: str, *, dropped: bool = False) -> None:
        self.refused.append(Refused(proposal=proposal, reason=reason, outcome="dropped" if dropped else "demoted"))

    def _fact(self, proposal: ProposedFact, verdict: Verdict) -> Fact:
        """Make a fact with an id no version had: the version being written, and a number within it."""
        taken = self.confirmed.keys() | self.inferred.keys()
        self.numbered += 1
        while f"f{self.version}.{self.numbered}" in taken:
            self.numbered += 1
        return Fact(
            id=f"f{self.version}.{self.numbered}",
            key=proposal.key.strip(),
            value=proposal.value.strip(),
            basis=verdict.basis,
            source_seq=proposal.source_seq,
            quote=proposal.quote.strip(),
            first_version=self.version,
            last_version=self.version,
        )


def _says_same(fact: Fact, proposal: ProposedFact) -> bool:
    return _same_key(fact.key, proposal.key) and _same_value(fact.value, proposal.value)


def _speaks_of(fact: Fact, proposal: ProposedFact) -> bool:
    """Tell whether the quote of a proposal mentions a fact's key or value."""
    return not {*key_words(fact.key), *content_words(fact.value)}.isdisjoint(words(proposal.quote))


def _promoted(fact: Fact, proposal: ProposedFact, version: int) -> Fact:
    proof = {"basis": "user_stated", "quote": proposal.quote.strip(), "source_seq": proposal.source_seq}
    return fact.model_copy(update=proof | {"last_version": version})
