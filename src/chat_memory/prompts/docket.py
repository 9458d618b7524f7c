"""A memory while a person's verdicts are given on it, and the list of what changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

from chat_memory.errors import FullRejectionsError, InstructionVerdictError, UnknownFactError
from chat_memory.models import Fact, Memory, ProposedFact, Rejected, Replaced
from chat_memory.prompts.instructions import find_instruction
from chat_memory.prompts.rejections import Rejections
from chat_memory.prompts.restoration import choose_lines_back
from chat_memory.prompts.revision import Admitted
from chat_memory.prompts.summaries import fit_lines
from chat_memory.prompts.tokens import CAP_SHARE, count_facts
from chat_memory.prompts.wanted import Confirmation, Correction
from chat_memory.prompts.words import key_words, plain, same_value

MOST_REJECTED = 256
"""Most rejected facts a chat keeps: each fold compares what is proposed with all of them."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What verdicts are given on: the memory, the version to be written, and the last turn said by now.

    `past` is the memory to take back. `heirs` tell by id, of facts that are gone, what took their place (None: nothing
    did) and in which version.
    """

    memory: Memory
    version: int
    head_seq: int
    memory_tokens: int
    past: Memory | None = None
    heirs: Mapping[str, tuple[Fact | None, int]] = field(default_factory=dict[str, tuple[Fact | None, int]])


@dataclass(slots=True)
class Docket:
    """A memory while verdicts are given on it, and the list of what changed."""

    bench: Bench
    confirmed: dict[str, Fact]
    inferred: dict[str, Fact]
    rejected: list[Rejected]
    added: list[Fact] = field(default_factory=list[Fact])
    settled: list[Fact] = field(default_factory=list[Fact])
    promoted: list[Fact] = field(default_factory=list[Fact])
    replaced: list[Replaced] = field(default_factory=list[Replaced])
    trimmed: list[str] = field(default_factory=list[str])

    @classmethod
    def of(cls, bench: Bench) -> Self:
        """Start from a memory as it stands."""
        memory = bench.memory
        confirmed = {fact.id: fact for fact in memory.user_confirmed}
        return cls(bench, confirmed, {fact.id: fact for fact in memory.llm_inferred}, list(memory.rejected))

    def memory(self) -> Memory:
        """Show the memory so far; where a past one is taken back its facts have room before the summary's lines."""
        facts = (*self.confirmed.values(), *self.inferred.values())
        summary = self.bench.memory.general_summary
        if self.bench.past is not None:
            room = max(int(self.bench.memory_tokens * CAP_SHARE) - count_facts(facts), 0)
            summary, self.trimmed = fit_lines(summary, room)
            past, _ = Rejections(self.rejected).clean(self.bench.past.general_summary, facts)
            summary = summary if self.trimmed else choose_lines_back(past, summary, facts, room)
        return Memory(
            user_confirmed=tuple(self.confirmed.values()),
            llm_inferred=tuple(self.inferred.values()),
            general_summary=summary,
            rejected=tuple(self.rejected),
        )

    def tell(self, admitted: Admitted) -> Admitted:
        """Say of an admitted memory all that changed on the way to it."""
        change = admitted.change
        merged = {
            "added": (*self.added, *change.added),
            "confirmed": (*self.settled, *change.confirmed),
            "promoted": (*self.promoted, *change.promoted),
            "replaced": (*self.replaced, *change.replaced),
            "left_summary": tuple(dict.fromkeys([*self.trimmed, *change.left_summary])),
        }
        return Admitted(admitted.memory, change.model_copy(update=merged))

    def reject(self, fact_id: str) -> None:
        """Remove a fact and remember it; one that is only to be taken back, or went that way before, stays away."""
        if any(one.fact.id == fact_id for one in self.rejected):
            return
        fact = self.confirmed.pop(fact_id, None) or self.inferred.pop(fact_id, None)
        if fact is not None:
            self.replaced.append(Replaced(old=fact, new=None))
        fact = fact or _by_id(self.bench.past, fact_id)
        if fact is None:
            raise self._unknown(fact_id)
        if len(self.rejected) >= MOST_REJECTED:
            raise FullRejectionsError(limit=MOST_REJECTED)
        self.rejected.append(Rejected(fact=fact, upto_seq=self.bench.head_seq))

    def take_back(self, past: Memory) -> None:
        """Put the facts of a past memory beside those said since, each in the place of what has its key now.

        What was rejected stays away, and no guess takes the place of what the user said.
        """
        rejections = Rejections(self.rejected)
        for field_then, holder in ((past.user_confirmed, self.confirmed), (past.llm_inferred, self.inferred)):
            for fact in field_then:
                if rejections.find(fact.key, fact.value, fact.source_seq) is None:
                    self._take_back(fact, holder, past)

    def _take_back(self, fact: Fact, holder: dict[str, Fact], past: Memory) -> None:
        beside = {one.id for one in past.user_confirmed if one.id in self.confirmed}
        beside |= {one.id for one in past.llm_inferred if one.id in self.inferred}  # what stood beside it still does
        rivals = [rival for rival in self._rivals(fact) if rival.id == fact.id or rival.id not in beside]
        said = [rival for rival in rivals if rival.id in self.confirmed]
        guess = holder is self.inferred
        if any(same_value(rival.value, fact.value) for rival in (rivals if guess else said)) or (guess and said):
            return
        settled = 0 if guess else self.bench.head_seq
        self._place(
            holder, fact.model_copy(update={"last_version": self.bench.version, "settled_seq": settled}), rivals
        )

    def correct(self, wanted: Correction) -> ProposedFact | None:
        """Give a fact another value: by a person's word here, else as a proposal the gate is to admit."""
        fact = self._find(wanted.id)
        if fact is None:
            heir, _ = self.bench.heirs.get(wanted.id, (None, 0))
            if heir is None or self._find(heir.id) != heir or not same_value(heir.value, wanted.value):
                raise self._unknown(wanted.id)
            return None
        if fact.id in self.confirmed and same_value(fact.value, wanted.value):
            return None
        if wanted.quote:
            return _propose("supersede", fact, wanted, wanted.value)
        new = self._own_word(fact, wanted.value, "corrected").model_copy(
            update={"id": self._new_id(), "first_version": self.bench.version}
        )
        self._place(self.confirmed, new, self._rivals(fact))
        return None

    def confirm(self, wanted: Confirmation) -> ProposedFact | None:
        """Confirm a fact, one that was rejected too: by a person's word here, else as a proposal for the gate."""
        lifted = next((one.fact for one in self.rejected if one.fact.id == wanted.id), None)
        fact = self._find(wanted.id) or lifted
        if fact is None:
            raise self._unknown(wanted.id)
        if fact.id in self.confirmed:
            return None
        if wanted.quote:
            return _propose("confirm" if lifted is None else "add", fact, wanted, fact.value)
        new = self._own_word(fact, fact.value, "confirmed")
        self.rejected = [one for one in self.rejected if one.fact.id != fact.id]
        rivals = [rival for rival in self._rivals(fact) if rival.id != fact.id]
        guess = self.inferred.pop(fact.id, None)
        if guess is not None:
            self.promoted.append(guess)
            self.settled.append(new)
            self.replaced += [Replaced(old=rival, new=new) for rival in self._drop(rivals)]
            self.confirmed[new.id] = new
        else:
            self._place(self.confirmed, new, rivals)
        return None

    def _place(self, holder: dict[str, Fact], new: Fact, rivals: Sequence[Fact]) -> None:
        gone = self._drop(rivals)
        self.replaced += [Replaced(old=old, new=new) for old in gone]
        self.added += [] if gone else [new]
        holder[new.id] = new

    def _drop(self, rivals: Sequence[Fact]) -> Sequence[Fact]:
        for rival in rivals:
            self.confirmed.pop(rival.id, None)
            self.inferred.pop(rival.id, None)
        return rivals

    def _rivals(self, fact: Fact) -> list[Fact]:
        standing = (*self.confirmed.values(), *self.inferred.values())
        return [other for other in standing if other.id == fact.id or _label(other) == _label(fact)]

    def _find(self, fact_id: str) -> Fact | None:
        return self.confirmed.get(fact_id) or self.inferred.get(fact_id)

    def _own_word(self, fact: Fact, value: str, verdict: str) -> Fact:
        """Make a fact a person's word, said after the last turn: no earlier one changes it. Rule 6 stands as ever."""
        head, key, value = self.bench.head_seq, plain(fact.key), plain(value)
        found = [find_instruction(text, label=True, users_own=True) for text in (key, value)]
        if any(found):
            raise InstructionVerdictError(id=fact.id[:40], verdict=verdict, reason=next(filter(None, found)))
        told: dict[str, object] = {
            "key": key,
            "value": value,
            "basis": "operator",
            "quote": "",
            "source_seq": head,
            "settled_seq": head,
            "origin": None,
        }
        return fact.model_copy(update=told | {"last_version": self.bench.version})

    def _new_id(self) -> str:
        taken = self.confirmed.keys() | self.inferred.keys()
        number = next(number for number in range(1, len(taken) + 2) if f"f{self.bench.version}.{number}" not in taken)
        return f"f{self.bench.version}.{number}"

    def _unknown(self, fact_id: str) -> UnknownFactError:
        heir, version = self.bench.heirs.get(fact_id, (None, 0))
        became = f": version {version} " + (f"put {heir.id} in its place" if heir else "took it out") if version else ""
        return UnknownFactError(id=fact_id[:40], became=became)


def _propose(op: Literal["add", "confirm", "supersede"], fact: Fact, wanted: Confirmation, value: str) -> ProposedFact:
    return ProposedFact(
        op=op,
        key=fact.key,
        value=value,
        basis="user_stated",
        quote=wanted.quote,
        source_seq=wanted.seq,
        replaces=fact.id,
    )


def _by_id(memory: Memory | None, fact_id: str) -> Fact | None:
    facts: Iterable[Fact] = (*memory.user_confirmed, *memory.llm_inferred) if memory is not None else ()
    return next((fact for fact in facts if fact.id == fact_id), None)


def _label(fact: Fact) -> tuple[str, ...]:
    return tuple(key_words(fact.key)) or (fact.key,)
