"""A version in the making: where each proposal goes by what it proved, and the list of what changed (rules 3 to 5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from chat_memory.models import Change, Fact, Memory, Outcome, ProposedFact, Refused, Replaced
from chat_memory.prompts.eviction import NO_ROOM, choose_leaving, write_sentence
from chat_memory.prompts.keys import renames, repeats
from chat_memory.prompts.proof import Evidence, Verdict
from chat_memory.prompts.rejections import Rejections
from chat_memory.prompts.summaries import SUMMARY_SHARE, append_lines, name_left
from chat_memory.prompts.tokens import count_facts, count_tokens
from chat_memory.prompts.words import key_words, same_value, words


@dataclass(frozen=True, slots=True)
class Admitted:
    """The memory a delta leads to, and what changed on the way."""

    memory: Memory
    change: Change


def _by_id(facts: Iterable[Fact]) -> dict[str, Fact]:
    return {fact.id: fact for fact in facts}


@dataclass(slots=True)
class Revision:
    """A version in the making: the facts so far, and the list of what changed."""

    version: int
    limit: int
    facts_limit: int
    confirmed: dict[str, Fact]
    inferred: dict[str, Fact]
    rejections: Rejections = field(default_factory=lambda: Rejections(()))
    added: list[Fact] = field(default_factory=list[Fact])
    renewed: dict[str, Fact] = field(default_factory=dict[str, Fact])
    promoted: list[Fact] = field(default_factory=list[Fact])
    replaced: list[Replaced] = field(default_factory=list[Replaced])
    refused: list[Refused] = field(default_factory=list[Refused])
    evicted: list[Fact] = field(default_factory=list[Fact])
    sentences: list[str] = field(default_factory=list[str])
    withheld: list[str] = field(default_factory=list[str])
    labels: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    costs: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    numbered: int = 0

    @classmethod
    def of(cls, memory: Memory, version: int, limit: int, facts_limit: int) -> Self:
        """Start from a memory; `limit` is what the next one may cost, `facts_limit` its confirmed facts, tokens."""
        confirmed, inferred = _by_id(memory.user_confirmed), _by_id(memory.llm_inferred)
        return cls(version, limit, facts_limit, confirmed, inferred, Rejections(memory.rejected))

    def find_confirmed(self, key: str) -> Fact | None:
        """Find the confirmed fact that has a key, as far as this version has come."""
        return next((fact for fact in self.confirmed.values() if self._same_key(fact.key, key)), None)

    def refuse_rejected(self, proposal: ProposedFact) -> Verdict | None:
        """Refuse what a person rejected, where nothing later says it (rule 4)."""
        objection = self.rejections.object_to(proposal)
        return Verdict("", reason=objection) if objection else None

    def settle(self, proposal: ProposedFact, verdict: Verdict) -> None:
        """Give one proposal the place its evidence earns."""
        if verdict.field == "":
            self._refuse(proposal, verdict.reason, "dropped")
        elif verdict.field == "quarantine":
            self._refuse(proposal, verdict.reason, "quarantined")
        elif verdict.field == "user_confirmed":
            self._confirm(proposal, verdict)
        else:
            self._infer(proposal, verdict)

    def refuse_rest(self, rest: Sequence[ProposedFact], reason: str) -> None:
        """Name the first of the proposals nobody judges, and count them."""
        if rest:
            self._refuse(rest[0], f"{reason}: {len(rest)} were not read, this one first", "dropped")

    def withhold(self, kept: str, instructions: Sequence[str]) -> str | None:
        """Take a summary without what read like instructions, which is named; None when nothing else was in it."""
        self.withheld.extend(instructions)
        return kept if kept or not instructions else None

    def texts(self) -> list[str]:
        """List the keys and values of all facts."""
        facts = [*self.confirmed.values(), *self.inferred.values()]
        return [text for fact in facts for text in (fact.key, fact.value)]

    def summary_room(self) -> int:
        """Count the tokens a summary may take beside the confirmed facts."""
        return min(self.limit - self._count(self.confirmed.values()), int(self.limit * SUMMARY_SHARE))

    def close(self, old_summary: str, summary: str) -> Admitted:
        """Fit the cap (rule 5): the summary keeps its share, assumptions go oldest first; whatever leaves is named.

        Confirmed facts stay, unless the cap is lower than it was. What says a rejected fact leaves the summary.
        """
        self._evict(self.confirmed, self.limit)
        summary, told = self.rejections.clean(summary, [*self.confirmed.values(), *self.inferred.values()])
        kept, trimmed = append_lines(summary, self.sentences, self.summary_room())
        self._evict(self.inferred, self.limit - self._count(self.confirmed.values()) - count_tokens(kept))
        memory = Memory(
            user_confirmed=tuple(self.confirmed.values()),
            llm_inferred=tuple(self.inferred.values()),
            general_summary=kept,
            rejected=self.rejections.rejected,
        )
        change = Change(
            added=tuple(self.added),
            confirmed=tuple(self.renewed.values()),
            promoted=tuple(self.promoted),
            replaced=tuple(self.replaced),
            refused=tuple(self.refused),
            evicted=tuple(self.evicted),
            left_summary=(*self.withheld, *name_left(old_summary, [kept, *self.texts()], [*told, *trimmed])),
        )
        return Admitted(memory, change)

    def _evict(self, holder: dict[str, Fact], room: int) -> None:
        """Let facts go until the others fit: those another chat still holds, then the oldest."""
        leaving = choose_leaving(holder.values(), self._count(holder.values()) - room, self._cost)
        self.evicted.extend(holder.pop(fact.id) for fact in leaving)

    def _confirm(self, proposal: ProposedFact, verdict: Verdict) -> None:
        """Admit what the user stated: renew the fact that says so already, or replace what it contradicts."""
        said = {"value": verdict.value, "quote": verdict.quote, "source_seq": verdict.source_seq or proposal.source_seq}
        proposal = proposal.model_copy(update=said)
        rivals = self._rivals(proposal, [*self.confirmed.values(), *self.inferred.values()])
        self._note_orphan(proposal, rivals)
        same = next((fact for fact in rivals if self._says_same(fact, proposal)), None)
        if same is not None and same.id in self.confirmed:
            self._renew(self.confirmed, same, proposal)
            return
        later = next((fact for fact in rivals if fact.id in self.confirmed and _is_newer(fact, proposal)), None)
        if later is not None:
            self._refuse(proposal, f"the user said otherwise later, in turn {later.source_seq}", "dropped")
            return
        new = self._fact(proposal, verdict) if same is None else _promoted(same, proposal, self.version)
        gone = [fact for fact in rivals if fact is not same and not _is_newer(fact, proposal)]
        if not self._make_room(new, gone):
            self._spill(proposal, gone)
            return
        if same is not None:
            self.promoted.append(self.inferred.pop(same.id))
            self.renewed[new.id] = new
        self._place(self.confirmed, new, gone, added=same is None)

    def _make_room(self, new: Fact, gone: Sequence[Fact]) -> bool:
        """Let carried facts go for a new one, oldest first: the chat they came from has them; False: no room for it.

        One that replaces another has room as long as the cap has: the old value must not outlive it.
        """
        staying = [fact for fact in self.confirmed.values() if fact not in gone]
        limit = self.limit if any(old.id in self.confirmed for old in gone) else self.facts_limit
        over = self._count([*staying, new]) - limit
        leaving = choose_leaving([fact for fact in staying if fact.origin is not None], over, self._cost)
        if self._count(leaving) < over:
            return False
        self.evicted.extend(self.confirmed.pop(fact.id) for fact in leaving)
        return True

    def _spill(self, proposal: ProposedFact, gone: Sequence[Fact]) -> None:
        """Keep the sentence of a fact that has no room, in the summary; what it contradicts goes all the same."""
        for old in gone:
            if self.confirmed.pop(old.id, None) is not None:
                self.replaced.append(Replaced(old=old, new=None))
        self._refuse(proposal, NO_ROOM, "demoted")
        self.sentences.append(write_sentence(proposal))

    def _infer(self, proposal: ProposedFact, verdict: Verdict) -> None:
        """Admit an assumption; it may replace assumptions, and a confirmed fact only where the user took it instead."""
        if any(self._says_same(fact, proposal) or repeats(fact, proposal) for fact in self.confirmed.values()):
            self._refuse(proposal, verdict.reason or "already confirmed", "dropped")
            return
        displaced = list(self.confirmed.values()) if verdict.displaces else []
        rivals = self._rivals(proposal, [*displaced, *self.inferred.values()])
        objection = self._object(proposal, verdict, rivals)
        if objection:
            self._refuse(proposal, objection, "dropped")
            return
        protected = proposal.replaces in self.confirmed and not verdict.displaces
        if protected or verdict.reason:
            self._refuse(proposal, verdict.reason or "only the user's own words replace a confirmed fact", "demoted")
        else:
            self._note_orphan(proposal, rivals)
        same = next((fact for fact in rivals if self._says_same(fact, proposal)), None)
        if same is not None:
            self._renew(self.inferred, same, proposal)
        else:
            self._place(self.inferred, self._fact(proposal, verdict), rivals, added=True)

    def _object(self, proposal: ProposedFact, verdict: Verdict, rivals: Sequence[Fact]) -> str:
        """Say why an assumption may not replace those it contradicts: it is unproven, or older than they are."""
        others = [fact for fact in rivals if not self._says_same(fact, proposal)]
        if others and verdict.reason:
            return verdict.reason
        later = next((fact for fact in others if _is_newer(fact, proposal)), None)
        return f"turn {later.source_seq} says otherwise, and is later" if later else ""

    def retract(self, proposal: ProposedFact, evidence: Evidence) -> None:
        """Remove a fact; a confirmed one only by the user's own words about it."""
        holder = self.confirmed if proposal.replaces in self.confirmed else self.inferred
        old = holder.get(proposal.replaces)
        if old is None:
            self._refuse(proposal, "there is no such fact", "dropped")
            return
        reason = evidence.weigh_retraction(proposal, old, confirmed=holder is self.confirmed)
        if reason:
            self._refuse(proposal, reason, "dropped")
            return
        del holder[old.id]
        self.replaced.append(Replaced(old=old, new=None))

    def _rivals(self, proposal: ProposedFact, facts: Sequence[Fact]) -> list[Fact]:
        """Find the facts a proposal is about: those of its key, and the one it names if it speaks of that one."""
        rivals = [fact for fact in facts if self._same_key(fact.key, proposal.key)]
        named = next((fact for fact in facts if fact.id == proposal.replaces), None)
        if named is None or named in rivals:
            return rivals
        taken = any(fact.id in self.confirmed for fact in rivals)
        if named.id in self.inferred or (not taken and renames(named, words(proposal.quote))):
            rivals.append(named)
        return rivals

    def _same_key(self, one: str, other: str) -> bool:
        return one == other or (self._label(one) == self._label(other) != [])

    def _says_same(self, fact: Fact, proposal: ProposedFact) -> bool:
        return self._same_key(fact.key, proposal.key) and same_value(fact.value, proposal.value)

    def _label(self, key: str) -> list[str]:
        """Read a key as words, once: each proposal is compared with every fact."""
        if key not in self.labels:
            self.labels[key] = key_words(key)
        return self.labels[key]

    def _count(self, facts: Iterable[Fact]) -> int:
        """Count the tokens of facts, each once however often they are asked for."""
        return sum(self._cost(fact) for fact in facts)

    def _cost(self, fact: Fact) -> int:
        told = fact.key, fact.value
        if told not in self.costs:
            self.costs[told] = count_facts([fact])
        return self.costs[told]

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

    def _renew(self, holder: dict[str, Fact], fact: Fact, proposal: ProposedFact) -> None:
        """Note that a fact was said again; one turn says a thing once, however often it is retold."""
        if fact.last_version < self.version and proposal.source_seq > fact.source_seq:
            holder[fact.id] = self.renewed[fact.id] = fact.model_copy(update={"last_version": self.version})

    def _refuse(self, proposal: ProposedFact, reason: str, outcome: Outcome) -> None:
        self.refused.append(Refused(proposal=proposal, reason=reason, outcome=outcome))

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


def _is_newer(fact: Fact, proposal: ProposedFact) -> bool:
    return fact.outlasts(proposal.source_seq)


def _promoted(fact: Fact, proposal: ProposedFact, version: int) -> Fact:
    proven = proposal.model_dump(include={"key", "value", "basis", "quote", "source_seq"})
    return fact.model_copy(update=proven | {"key": proposal.key.strip(), "last_version": version})
