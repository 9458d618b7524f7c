"""Reading the past of a memory: what each version did, the memory as it was, and what lies between two versions."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from pydantic import BaseModel

from chat_memory.errors import BackwardRangeError, UnknownVersionError
from chat_memory.models import Caller, Counting, Memory, chat_key
from chat_memory.prompts.pacing import run_paced
from chat_memory.prompts.tokens import count_memory
from chat_memory.replies import ChangeLine, DifferenceReply, MemoryReply, VersionLine, VersionsReply
from chat_memory.storage import memory_versions
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.memory_versions import Between, Known, Listed, Page, Past
from chat_memory.storage.snapshots import Snapshot
from chat_memory.tools.differences import compare, describe
from chat_memory.tools.fence import count_reply
from chat_memory.tools.filling import fill_reply, shorten_id
from chat_memory.tools.intake import check_chat_id
from chat_memory.tools.ownership import refuse_other_owner
from chat_memory.tools.toolbox import Toolbox

Reply = TypeVar("Reply", bound=BaseModel)

LATEST = 2**31 - 1
"""No memory has this version: the newest ones come before it."""
TOKEN_CHARACTERS = 4
"""About what a token of a reply holds: tells whether its rendering is worth a thread."""


async def list_versions(
    box: Toolbox, caller: Caller, chat_id: str, max_tokens: int, *, version: int = 0, since: int = 0
) -> VersionsReply:
    """List what versions did, newest first, from `version` (0: the latest) back to the one after `since`.

    Raises:
        UnknownVersionError: the chat has not these versions.
        BackwardRangeError: `since` comes after `version`.
    """
    key = chat_key(caller.owner, check_chat_id(chat_id))
    refuse_backward(since, version)
    after, upto = clamp(since), clamp(version or LATEST)
    page = await box.db.run(lambda session: memory_versions.list_versions(session, key, after, upto))
    known = _check(caller, page)
    for asked in (since, version):
        _require(chat_id, known, asked)
    if page is None:
        return VersionsReply(chat_id=shorten_id(chat_id, max_tokens // 4))
    return await run_paced(partial(_fill_versions, chat_id, page, max_tokens), max_tokens * TOKEN_CHARACTERS)


async def read_past(
    box: Toolbox, caller: Caller, chat_id: str, max_tokens: int, version: int, *, evidence: bool
) -> MemoryReply:
    """Read the memory as it was at `version`: the turns up to `covers_seq`, and none of those pending then or now.

    Raises:
        UnknownVersionError: the chat has no such version.
    """
    key = chat_key(caller.owner, check_chat_id(chat_id))
    past = await box.db.run(lambda session: memory_versions.read_past(session, key, clamp(version)))
    known = _check(caller, past)
    _require(chat_id, known, version)
    if past is None or past.memory is None:
        raise unknown_version(chat_id, known, version)
    snapshot = _snapshot(past, past.memory, version)
    return fill_reply(chat_id, snapshot, max_tokens, box.settings.memory_tokens, evidence=evidence)


async def read_difference(
    box: Toolbox, caller: Caller, chat_id: str, max_tokens: int, *, version: int, since: int
) -> DifferenceReply:
    """Say what lies between the memory at `since` and at `version`, 0 being the latest.

    Raises:
        UnknownVersionError: the chat has not these versions.
        BackwardRangeError: `since` comes after `version`.
    """
    key = chat_key(caller.owner, check_chat_id(chat_id))
    refuse_backward(since, version)
    ends = clamp(since), clamp(version)
    between = await box.db.run(lambda session: memory_versions.read_between(session, key, *ends))
    known = _check(caller, between)
    for asked in (since, version):
        _require(chat_id, known, asked)
    if between is None or between.before is None or between.after is None:
        raise unknown_version(chat_id, known, since)
    envelope = DifferenceReply(
        chat_id=shorten_id(chat_id, max_tokens // 4), version=version or known.last_version, since=since
    )
    tell = partial(compare, between.before, between.after, between.steps)
    return await run_paced(lambda: _fill_difference(envelope, tell(), max_tokens), max_tokens * TOKEN_CHARACTERS)


def clamp(version: int) -> int:
    """Bring a number nobody checked into PostgreSQL's range; beyond it there is no version."""
    return max(-1, min(version, LATEST))


def refuse_backward(since: int, version: int) -> None:
    """Refuse a way from a newer version to an older one."""
    if since > version > 0:
        raise BackwardRangeError(since=since, version=version)


def _check(caller: Caller, row: Page | Past | Between | None) -> Known:
    if row is None:
        return Known(caller.owner, 0, 0)
    refuse_other_owner(caller, row.known.owner)
    return row.known


def _require(chat_id: str, known: Known, version: int) -> None:
    """Refuse a version the chat has not; 0 names none."""
    if version and not known.first_version <= version <= known.last_version:
        raise unknown_version(chat_id, known, version)


def unknown_version(chat_id: str, known: Known, version: int) -> UnknownVersionError:
    """Say which versions there are, to whoever asked for another."""
    span = f"versions {known.first_version} to {known.last_version}" if known.last_version else "none yet"
    return UnknownVersionError(chat_id=chat_id, version=version, known=span)


def _snapshot(past: Past, memory: Memory, version: int) -> Snapshot:
    """See a past memory as a chat without anything pending."""
    return Snapshot(
        owner=past.known.owner,
        birth=past.birth,
        head_seq=past.covers_seq,
        done_seq=past.covers_seq,
        failed=False,
        lag_ms=0,
        stored=StoredMemory(version, memory, past.degraded),
        token_count=count_memory(memory),
        pending=[],
    )


def _fill_versions(chat_id: str, page: Page, max_tokens: int) -> VersionsReply:
    envelope = VersionsReply(chat_id=shorten_id(chat_id, max_tokens // 4), version=page.known.last_version)
    told = [(version, describe(version.step)) for version in page.versions]

    def build(room: int) -> VersionsReply:
        """Show the first `room` things: of each version a head, then its changes."""
        shown: list[VersionLine] = []
        for version, lines in told:
            if room <= 0:
                break
            shown.append(_show(version, lines, room - 1))
            room -= 1 + len(lines)
        rest = page.wanted - len(shown)
        return envelope.model_copy(update={"versions": tuple(shown), "left_out": {"versions": rest} if rest else None})

    return fit(build, sum(1 + len(lines) for _, lines in told), max_tokens)


def _show(version: Listed, lines: list[ChangeLine], room: int) -> VersionLine:
    return VersionLine(
        version=version.step.version,
        from_seq=version.from_seq,
        covers_seq=version.covers_seq,
        created_at=version.created_at.replace(microsecond=0),
        summarizer=version.step.summarizer,
        model=version.model or None,
        degraded=version.degraded or None,
        replaces_version=version.step.replaces_version,
        counting=version.counting if version.counting != str(Counting()) else None,
        changes=tuple(lines[:room]),
        left_out=_count(lines[room:]),
    )


def _fill_difference(envelope: DifferenceReply, lines: list[ChangeLine], max_tokens: int) -> DifferenceReply:
    def build(room: int) -> DifferenceReply:
        return envelope.model_copy(update={"changes": tuple(lines[:room]), "left_out": _count(lines[room:])})

    return fit(build, len(lines), max_tokens)


def _count(lines: list[ChangeLine]) -> dict[str, int] | None:
    return dict(Counter(line.what for line in lines)) or None


def fit(build: Callable[[int], Reply], things: int, max_tokens: int) -> Reply:
    """Build the reply that shows as many of its things as fit `max_tokens`; it names what it leaves out."""
    shown, beyond = 0, 1
    while beyond <= things and count_reply(build(beyond)) <= max_tokens:  # never renders much more than what is shown
        shown, beyond = beyond, min(2 * beyond, things) if beyond < things else things + 1
    while beyond - shown > 1:
        middle = (shown + beyond) // 2
        shown, beyond = (middle, beyond) if count_reply(build(middle)) <= max_tokens else (shown, middle)
    return build(shown)
