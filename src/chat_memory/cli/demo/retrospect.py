"""What a memory can say of its own past: what was corrected, what stays a guess, what changed, and the way back."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chat_memory.cli.demo.comparison import read_proven
from chat_memory.cli.demo.server import Server
from chat_memory.replies import ChangeLine, Evidence, MemoryReply, VersionsReply


@dataclass(frozen=True, slots=True)
class Corrected:
    """A value that gave way to another, and the version that did it."""

    version: int
    key: str
    was: str
    value: str


@dataclass(slots=True)
class Retrospect:
    """What was found, for the report; `restored` says what a restore brought back, by key."""

    corrections: list[Corrected] = field(default_factory=list[Corrected])
    guess: str = ""
    refusal: str = ""
    since: int = 0
    until: int = 0
    changes: Sequence[ChangeLine] = ()
    restored: str = ""
    differences: list[str] = field(default_factory=list[str])


async def look_back(server: Server, chat_id: str, since: int) -> Retrospect:
    """Ask a memory for its past, from version `since` on, and take it there and back.

    Raises:
        DemoError: the server did not answer as it should.
    """
    memory = await server.read(chat_id)
    found = Retrospect(since=since, until=memory.version)
    found.corrections = list_corrections(await server.read_versions(chat_id))
    found.changes = (await server.read_difference(chat_id, since)).changes
    await _try_to_confirm(server, chat_id, memory, found)
    if found.corrections:
        await _there_and_back(server, chat_id, memory, found)
    return found


def list_corrections(reply: VersionsReply) -> list[Corrected]:
    """List the confirmed values that gave way to others, oldest first."""
    return [
        Corrected(version.version, change.key or "", change.was, change.value or "")
        for version in reversed(reply.versions)
        for change in version.changes
        if change.what == "superseded" and change.was and change.basis == "user_stated"
    ]


async def _try_to_confirm(server: Server, chat_id: str, memory: MemoryReply, found: Retrospect) -> None:
    """Ask for the assistant's guess to be confirmed by the assistant's own words: this must be refused."""
    guesses = [fact for _, fact in read_proven(memory.llm_inferred) if fact.basis == "assistant_said"]
    if not guesses:
        return
    guess = guesses[0]
    found.guess = guess.value
    found.refusal = await server.try_to_confirm(chat_id, guess)
    if not found.refusal:
        found.differences.append("confirming it by the assistant's words was not refused")


async def _there_and_back(server: Server, chat_id: str, memory: MemoryReply, found: Retrospect) -> None:
    """Restore the version before the last correction, then the one that was the latest."""
    last = found.corrections[-1]
    await server.restore(chat_id, last.version - 1)
    past = _values(await server.read(chat_id))
    found.restored = past.get(last.key, "")
    if found.restored != last.was:
        found.differences.append(f"{last.key} is {found.restored!r} after the restore, not {last.was!r}")
    await server.restore(chat_id, memory.version)
    now = _values(await server.read(chat_id))
    if now != _values(memory):
        found.differences.append("the way back did not lead to the same facts")


def _values(memory: MemoryReply) -> dict[str, str]:
    confirmed: Sequence[tuple[str, Evidence]] = read_proven(memory.user_confirmed)
    return {key: fact.value for key, fact in confirmed}
