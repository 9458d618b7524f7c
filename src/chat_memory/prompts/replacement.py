"""A version in the place of another: what that one added goes, what it took away comes back, and both are named.

Pure, like the gate it runs: the same memory, version, delta and turns give the same answer.
"""

from collections.abc import Iterator, Mapping, Sequence

from chat_memory.models import Change, Delta, Fact, Memory, Provisional, Replaced, Turn
from chat_memory.prompts.gate import admit
from chat_memory.prompts.rejections import Rejections
from chat_memory.prompts.revision import Admitted
from chat_memory.prompts.summaries import name_left
from chat_memory.prompts.tokens import CAP_SHARE, count_facts
from chat_memory.prompts.words import key_words


def undo(memory: Memory, version: int, provisional: Provisional, memory_tokens: int) -> Memory:
    """Take out of the memory at `version` what a provisional version added, and put back what it took away.

    What a later version renewed stays, and so does a person's verdict. What comes back stands behind what was said
    since: a fact whose key is taken, and one that was rejected, stays away.
    """
    rejections = Rejections(memory.rejected)
    confirmed = [fact for fact in memory.user_confirmed if not _is_undone(fact, provisional)]
    inferred = [fact for fact in memory.llm_inferred if not _is_undone(fact, provisional)]
    for fact in _displaced(memory, provisional):
        if rejections.find(fact.key, fact.value, fact.source_seq):
            continue
        if fact in provisional.before.user_confirmed:
            room = int(memory_tokens * CAP_SHARE) - count_facts([*confirmed, fact])
            confirmed += [fact] if room >= 0 and _is_free(fact, confirmed) else []
        elif _is_free(fact, [*confirmed, *inferred]):
            inferred.append(fact)
    summary = _undo_summary(memory.general_summary, provisional, latest=version == provisional.version)
    return memory.model_copy(
        update={"user_confirmed": tuple(confirmed), "llm_inferred": tuple(inferred), "general_summary": summary}
    )


def admit_replacement(  # noqa: PLR0913 - what admit takes, and what it replaces
    memory: Memory,
    provisional: Provisional,
    delta: Delta,
    turns: Mapping[int, Turn],
    *,
    base_version: int,
    version: int,
    memory_tokens: int,
    factor: float = 1.0,
    forbidden_echoes: Sequence[str] = (),
    affirmed_confirms: bool = False,
) -> Admitted:
    """Apply what a delta proves to a memory without what the provisional version added, and name all that left.

    A delta made from another version than the last (`base_version`) knows nothing of what its turns added to the
    summary, so the summary stays as it is then.

    Raises:
        RejectedDeltaError: the whole delta fails.
    """
    base = undo(memory, version - 1, provisional, memory_tokens)
    if base_version != version - 1:
        base = base.model_copy(update={"general_summary": memory.general_summary})
        delta = delta.model_copy(update={"summary": None})
    admitted = admit(
        base,
        delta,
        turns,
        version=version,
        memory_tokens=memory_tokens,
        factor=factor,
        forbidden_echoes=forbidden_echoes,
        affirmed_confirms=affirmed_confirms,
    )
    return Admitted(admitted.memory, _tell(memory, base, admitted))


def _is_undone(fact: Fact, provisional: Provisional) -> bool:
    return fact.first_version == fact.last_version == provisional.version and fact.basis != "operator"


def _displaced(memory: Memory, provisional: Provisional) -> Iterator[Fact]:
    """Find the facts that gave way to nothing, or to what goes now; what another version replaced stays so."""
    going = {fact.id for fact in _facts(memory) if _is_undone(fact, provisional)}
    heirs = {replaced.old.id: replaced.new for replaced in provisional.change.replaced}
    standing = {fact.id for fact in _facts(memory)}
    for fact in _facts(provisional.before):
        if fact.id not in heirs or fact.id in standing:
            continue
        heir = heirs[fact.id]
        while heir is not None and heir.id in heirs:  # replaced twice in one version
            heir = heirs[heir.id]
        if heir is None or heir.id in going:
            yield fact


def _is_free(fact: Fact, others: Sequence[Fact]) -> bool:
    return _label(fact) not in {_label(other) for other in others}


def _undo_summary(summary: str, provisional: Provisional, *, latest: bool) -> str:
    """Take the lines out that the provisional version wrote; right after it, the summary it found is whole."""
    if latest:
        return provisional.before.general_summary
    found = set(provisional.before.general_summary.splitlines())
    written = set(provisional.after.general_summary.splitlines()) - found
    return "\n".join(line for line in summary.splitlines() if line not in written)


def _tell(memory: Memory, base: Memory, admitted: Admitted) -> Change:
    """Say what changed from the memory as it stood, not as it was shown: what went before the gate ran is named too."""
    change, after = admitted.change, admitted.memory
    stood, kept = {fact.id for fact in _facts(memory)}, {fact.id for fact in _facts(base)}
    new = {_label(fact): fact for fact in reversed(_facts(after)) if fact.id not in stood}
    gone = tuple(Replaced(old=fact, new=new.get(_label(fact))) for fact in _facts(memory) if fact.id not in kept)
    heirs = {replaced.new.id for replaced in (*gone, *change.replaced) if replaced.new is not None}
    back = [fact for fact in _facts(after) if fact.id in kept - stood]
    texts = [text for fact in _facts(after) for text in (fact.key, fact.value)]
    left = name_left(memory.general_summary, [after.general_summary, *texts])
    return change.model_copy(
        update={
            "added": tuple(fact for fact in (*change.added, *back) if fact.id not in heirs),
            "replaced": (*gone, *change.replaced),
            "left_summary": tuple(dict.fromkeys([*left, *change.left_summary])),
        }
    )


def _facts(memory: Memory) -> tuple[Fact, ...]:
    return (*memory.user_confirmed, *memory.llm_inferred)


def _label(fact: Fact) -> tuple[str, ...]:
    return tuple(key_words(fact.key)) or (fact.key,)
