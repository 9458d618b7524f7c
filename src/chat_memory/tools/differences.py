"""What a version did, and what lies between two memories, line by line. Pure: the same memories, the same lines."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

from chat_memory.models import Basis, Fact, Memory, Refused, Replaced
from chat_memory.replies import ChangeLine
from chat_memory.storage.memory_versions import Step
from chat_memory.storage.revisions import Reviser

STATED: frozenset[Basis] = frozenset({"user_stated", "operator"})
"""How a fact is known that is the user's word."""
VERDICTS: frozenset[Reviser] = frozenset({"verdict", "restore"})
"""Who made versions in which a person takes facts out."""
Told: TypeAlias = tuple[str, str, int]
"""A fact as a proposal names it: key, value, turn."""


def describe(step: Step) -> list[ChangeLine]:
    """Say what one version did: what left first, each with its reason, then what came, then what was only repeated."""
    change = step.change
    demoted = {_told(each) for each in change.refused if each.outcome == "demoted"}
    guesses = {fact.id: fact for fact in change.promoted}
    return [
        *(_replaced(each, step) for each in change.replaced),
        *(_line("evicted", fact) for fact in change.evicted),
        *(_refused(each) for each in change.refused if each.outcome != "added"),
        *(_line("confirmed", fact, guesses[fact.id]) for fact in change.confirmed if fact.id in guesses),
        *(_line("added", fact) for fact in change.added if (fact.key, fact.value, fact.source_seq) not in demoted),
        *(ChangeLine(what="left_summary", value=item) for item in change.left_summary),
        *(ChangeLine(what="repeated", key=fact.key) for fact in change.confirmed if fact.id not in guesses),
    ]


def compare(before: Memory, after: Memory, steps: Sequence[Step]) -> list[ChangeLine]:
    """Say what lies between two memories, with the reasons the versions between them give, oldest version first.

    A fact that gave way to another is one change, however many values came between, and also under another id or key.
    """
    way = _Way.of(steps)
    stood, stands = _placed(before), _placed(after)
    followed = {id_: way.follow(id_, stands) for id_ in stood}
    heirs = set(followed.values()) - stood.keys()
    gone = (_departed(place, stands.get(followed[id_] or ""), way) for id_, place in stood.items())
    came = (_arrived(place, way) for id_, place in stands.items() if id_ not in stood and id_ not in heirs)
    return [*chain.from_iterable(gone), *came, *_lines(before.general_summary, after.general_summary)]


@dataclass(frozen=True, slots=True)
class _Place:
    """A fact, and whether it stands among the confirmed ones."""

    fact: Fact
    confirmed: bool


def _placed(memory: Memory) -> dict[str, _Place]:
    confirmed = {fact.id: _Place(fact, confirmed=True) for fact in memory.user_confirmed}
    return confirmed | {fact.id: _Place(fact, confirmed=False) for fact in memory.llm_inferred}


@dataclass(slots=True)
class _Way:
    """What became of facts on the way: the last time each went, what it gave way to, and when each came."""

    heirs: dict[str, Fact | None] = field(default_factory=dict[str, Fact | None])
    went: dict[str, int] = field(default_factory=dict[str, int])
    came: dict[str, int] = field(default_factory=dict[str, int])
    ends: dict[str, str] = field(default_factory=dict[str, str])
    reasons: dict[Told, str] = field(default_factory=dict[Told, str])

    @classmethod
    def of(cls, steps: Iterable[Step]) -> "_Way":
        """Walk through the versions, oldest first."""
        way = cls()
        for step in steps:
            way.take(step)
        return way

    def take(self, step: Step) -> None:
        """Note what one version did."""
        version, change = step.version, step.change
        self.reasons |= {_told(each): each.reason for each in change.refused if each.outcome == "demoted"}
        self.came |= {fact.id: version for fact in (*change.added, *change.promoted)}
        for each in change.replaced:
            self.heirs[each.old.id], self.went[each.old.id] = each.new, version
            if each.new is not None:
                self.came[each.new.id] = version
            else:
                self.ends[each.old.id] = _ending(each.old, step)
        for fact in change.evicted:
            self.heirs[fact.id], self.went[fact.id] = None, version
            self.ends[fact.id] = "evicted"

    def follow(self, id_: str, stands: dict[str, _Place]) -> str | None:
        """Find what a fact has become: itself, or what took its place in the end; None when nothing did."""
        seen: set[str] = set()
        while id_ not in stands:
            heir = self.heirs.get(id_)
            if heir is None or id_ in seen:
                return None
            seen.add(id_)
            id_ = heir.id
        return id_

    def end_of(self, id_: str) -> tuple[str | None, int | None]:
        """Say how a fact left that nothing stands for any more, and in which version: the last one of its line."""
        seen: set[str] = set()
        while (heir := self.heirs.get(id_)) is not None and id_ not in seen:
            seen.add(id_)
            id_ = heir.id
        return self.ends.get(id_), self.went.get(id_)


def _departed(old: _Place, new: _Place | None, way: _Way) -> Iterator[ChangeLine]:
    """Tell what became of a fact that stood; nothing when it still says the same in the same place."""
    fact = old.fact
    if new is None:
        reason, version = way.end_of(fact.id)
        yield _line("removed", fact, version=version, reason=reason)
        return
    if old.confirmed == new.confirmed and _was(fact, new.fact) is None:
        return
    what = "changed" if old.confirmed == new.confirmed else "confirmed" if new.confirmed else "demoted"
    came, reason = way.came.get(new.fact.id), way.reasons.get(_named(new.fact))
    yield _line(what, new.fact, fact, version=came, reason=reason)


def _arrived(new: _Place, way: _Way) -> ChangeLine:
    fact = new.fact
    return _line("added", fact, version=way.came.get(fact.id), reason=way.reasons.get(_named(fact)))


def _lines(before: str, after: str) -> Iterator[ChangeLine]:
    stood, stands = before.splitlines(), after.splitlines()
    for what, lines, others in (("left_summary", stood, {*stands}), ("joined_summary", stands, {*stood})):
        yield from (ChangeLine(what=what, value=line) for line in lines if line.strip() and line not in others)


def _replaced(each: Replaced, step: Step) -> ChangeLine:
    if each.new is None:
        return _line(_ending(each.old, step), each.old)
    if _was(each.old, each.new) is None:  # the model's second look says it too, or not as surely
        return _said_anew(each.old, each.new)
    return _line("superseded", each.new, each.old)


def _said_anew(old: Fact, new: Fact) -> ChangeLine:
    if old.basis == new.basis:
        return ChangeLine(what="repeated", key=new.key)
    return _line("confirmed" if new.basis in STATED else "demoted", new)


def _ending(old: Fact, step: Step) -> str:
    """Say how a fact went for which nothing came: a version in another's place undoes what that one had added."""
    if step.summarizer in VERDICTS:
        return "rejected"
    return "undone" if old.first_version == step.replaces_version else "retracted"


def _refused(each: Refused) -> ChangeLine:
    """Name a refused proposal; what is quarantined is named by its turn only, not said again."""
    proposal = each.proposal
    if each.outcome not in {"demoted", "dropped"}:
        return ChangeLine(what=each.outcome, reason=f"turn {proposal.source_seq}: {each.reason}")
    return ChangeLine(what=each.outcome, key=proposal.key, value=proposal.value, reason=each.reason)


def _line(
    what: str, fact: Fact, old: Fact | None = None, *, version: int | None = None, reason: str | None = None
) -> ChangeLine:
    was = None if old is None else _was(old, fact)
    return ChangeLine(
        what=what, key=fact.key, value=fact.value, was=was, basis=fact.basis, version=version, reason=reason
    )


def _was(old: Fact, new: Fact) -> str | None:
    """Say what an old fact said, with its key where that is another; None when the new one says the same."""
    if old.key != new.key:
        return f"{old.key}: {old.value}"
    return None if old.value == new.value else old.value


def _named(fact: Fact) -> Told:
    return fact.key, fact.value, fact.source_seq


def _told(each: Refused) -> Told:
    return each.proposal.key.strip(), each.proposal.value.strip(), each.proposal.source_seq
