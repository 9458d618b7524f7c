"""What the gate may look at: the turns a delta leans on and may, read once."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial

from chat_memory.models import ChatKey, Delta, Memory, Turn
from chat_memory.prompts.offers import needs_question
from chat_memory.storage import turns
from chat_memory.storage.database import Session
from chat_memory.tools.toolbox import Toolbox

Read = Callable[[Collection[int]], Awaitable[dict[int, Turn]]]


def reading(box: Toolbox, key: ChatKey, session: Session | None = None) -> Read:
    """Read turns of a chat by seq, in the session given or in one of its own."""
    if session is not None:
        return partial(turns.read_turns, session, key)
    return lambda seqs: box.db.run(lambda own: turns.read_turns(own, key, seqs))


async def read_question(read: Read, spoken: Sequence[Turn]) -> Turn | None:
    """Read the turn before those of a fold, where they open with the user's yes to it."""
    if not needs_question(spoken):
        return None
    before = spoken[0].seq - 1
    return (await read({before})).get(before)


async def read_cited(
    box: Toolbox, read: Read, memory: Memory, delta: Delta, own: range, known: Mapping[int, Turn]
) -> dict[int, Turn]:
    """Find the turns a delta leans on and may: those of this fold (`own`), and those that already prove a fact.

    A yes leans on what the assistant asked right before it, and, where it may confirm, on all that was said.
    """
    evidence = {fact.source_seq for fact in (*memory.user_confirmed, *memory.llm_inferred)}
    cited = {proposed.source_seq for proposed in delta.facts}
    affirmed = {proposed.source_seq for proposed in delta.facts if proposed.basis == "user_affirmed"}
    if affirmed and box.settings.affirmed_confirms:
        cited |= evidence.union(own)
    allowed = {seq for seq in cited if seq in own or seq in evidence}
    seqs = allowed | {seq - 1 for seq in affirmed if seq in own}
    missing = seqs - known.keys()
    found = {**known, **(await read(missing) if missing else {})}
    return {seq: found[seq] for seq in sorted(seqs & found.keys()) if seq in allowed or found[seq].role == "assistant"}
