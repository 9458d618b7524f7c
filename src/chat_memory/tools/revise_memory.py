"""Correct a memory on the user's word, or take facts back from a past version."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from chat_memory.errors import (
    ChangedMemoryError,
    TooManyMessagesError,
    UnconfirmedVerdictError,
    UnknownChatError,
)
from chat_memory.models import Answer, Caller, Change, ChatKey, Memory, chat_key
from chat_memory.prompts.docket import Bench
from chat_memory.prompts.pacing import run_paced
from chat_memory.prompts.tokens import count_memory, count_tokens
from chat_memory.prompts.verdicts import judge
from chat_memory.prompts.wanted import Verdicts
from chat_memory.replies import MemoryReply
from chat_memory.storage import memory_versions, revisions, turns
from chat_memory.storage.bell import Ring
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.database import Session
from chat_memory.storage.folds import Next
from chat_memory.storage.revisions import Ground
from chat_memory.telemetry import Event, log
from chat_memory.tools.asking import MOST_ASKED, list_unproven, write_question
from chat_memory.tools.get_memory import DEFAULT_TOKENS, read_memory
from chat_memory.tools.intake import check_chat_id, read_verdicts
from chat_memory.tools.ownership import refuse_other_owner
from chat_memory.tools.parameters import ChatId, Confirm, Correct, Reject, Restore
from chat_memory.tools.past import unknown_version
from chat_memory.tools.redaction import redact_verdicts
from chat_memory.tools.toolbox import Toolbox

OWN_WORD = "memory:confirm"
"""The scope of a person's own interface: what comes with it is the person's word."""
ASK_SECONDS = 300.0
"""How long a user may take to answer."""
LINES_TOLD = 24
"""Most lines that say what was done; the version's changes hold them all."""
REFUSALS = {
    Answer.NO: "the user said no",
    Answer.DECLINED: "the user did not want to be asked",
    Answer.CANCELLED: "the user closed the question",
    Answer.TIMED_OUT: "the user did not answer",
    Answer.UNSUPPORTED: "this client cannot ask its user",
}


async def revise_memory(
    box: Toolbox,
    caller: Caller,
    chat_id: ChatId,
    confirm: Confirm = [],  # noqa: B006 - never changed, and the schema's default
    correct: Correct = [],  # noqa: B006
    reject: Reject = [],  # noqa: B006
    restore: Restore = 0,
) -> MemoryReply:
    """Correct the memory on the user's word. Ids: get_memory, detail evidence.

    confirm, correct: name the user turn (seq) and its sentence (quote), or the user is asked.
    """
    key = chat_key(caller.owner, check_chat_id(chat_id))
    wanted = read_verdicts(confirm, correct, reject, restore)
    case = _Case(box, caller, chat_id, key, await redact_verdicts(box, caller, chat_id, wanted), restore)
    asked = await case.ask()
    revised = await revisions.revise(
        box.db, caller.owner, key, "restore" if restore else "verdict", partial(case.decide, asked=asked)
    )
    if revised is None:
        raise UnknownChatError(chat_id=chat_id)
    if revised.change is not None:
        box.bell.announce(Ring(key, grew=False))
        log(Event.MEMORY_REVISED, bucket=key.bucket, version=revised.version)
    done = tell(revised.change, case.wanted)
    reply = await read_memory(box, caller, chat_id, DEFAULT_TOKENS - sum(count_tokens(line) + 4 for line in done))
    return reply.model_copy(update={"done": done})


@dataclass(frozen=True, slots=True)
class _Case:
    """One call: who wants what of which chat."""

    box: Toolbox
    caller: Caller
    chat_id: str
    key: ChatKey
    wanted: Verdicts
    restore: int

    async def ask(self) -> str:
        """Ask the user about what nobody's quote proves, before anything is held or written; what was asked.

        Raises:
            VerdictError: it is refused before anybody is asked, or the user did not say yes.
        """
        if self._is_free():
            return ""
        if (unproven := len(list_unproven(self.wanted))) > MOST_ASKED:
            raise TooManyMessagesError(field="what has no quote", size=unproven, limit=MOST_ASKED)
        question = await self.box.db.run(self._prepare_question)
        if not question:
            return ""
        answer = await self.caller.ask(question, ASK_SECONDS)
        if answer is not Answer.YES:
            raise UnconfirmedVerdictError(reason=REFUSALS[answer], remedy=_remedy(answer))
        return question

    async def _prepare_question(self, session: Session) -> str:
        """Look whether the verdicts could be taken at all; nobody is asked in vain, or about what stands already."""
        ground = await revisions.read_ground(session, self.key, self.caller.owner)
        if ground is None:
            raise UnknownChatError(chat_id=self.chat_id)
        past = await self._read_past(session)
        question = write_question(self.wanted, ground.stored.memory, past)
        return question if await self._judge(session, ground, past) is not None else ""

    async def decide(self, session: Session, ground: Ground, *, asked: str) -> Next | None:
        """Give the verdicts on the memory as it stands under the chat's lock.

        Raises:
            VerdictError: one cannot be taken, or the user was asked about something else.
        """
        past = await self._read_past(session)
        following = await self._judge(session, ground, past)
        if following is None:
            return None
        if not self._is_free() and write_question(self.wanted, ground.stored.memory, past) != asked:
            raise ChangedMemoryError
        return following

    def _is_free(self) -> bool:
        """Tell whether nobody has to be asked: all of it is quoted, or a person's own interface says so."""
        return OWN_WORD in self.caller.scopes or not list_unproven(self.wanted)

    async def _judge(self, session: Session, ground: Ground, past: Memory | None) -> Next | None:
        stored = ground.stored
        cited = {one.seq for one in (*self.wanted.confirm, *self.wanted.correct) if one.quote}
        spoken = await turns.read_turns(session, self.key, cited)
        heirs = await revisions.find_heirs(session, self.key, self._gone(stored.memory))
        version, cap = stored.version + 1, self.box.settings.memory_tokens
        bench = Bench(stored.memory, version, ground.cursor.head_seq, cap, past, heirs)
        characters = sum(len(turn.content) for turn in spoken.values())
        admitted = await run_paced(partial(judge, bench, self.wanted, spoken), characters)
        if admitted is None:
            return None
        after = StoredMemory(version, admitted.memory, degraded=stored.degraded)
        return Next(stored.version, after, count_memory(admitted.memory), admitted.change)

    async def _read_past(self, session: Session) -> Memory | None:
        if not self.restore:
            return None
        past = await memory_versions.read_past(session, self.key, self.restore)
        if past is None:
            raise UnknownChatError(chat_id=self.chat_id)
        refuse_other_owner(self.caller, past.known.owner)
        if past.memory is None:
            raise unknown_version(self.chat_id, past.known, self.restore)
        return past.memory

    def _gone(self, memory: Memory) -> Collection[str]:
        """Name the facts of a verdict that do not stand."""
        named = {*self.wanted.reject, *(one.id for one in (*self.wanted.confirm, *self.wanted.correct))}
        return named - {fact.id for fact in (*memory.user_confirmed, *memory.llm_inferred)}


def _remedy(answer: Answer) -> str:
    if answer in {Answer.NO, Answer.DECLINED}:
        return "Leave it as it is, or reject the fact if the user says that it is wrong."
    return "Name the user turn (seq) and its whole sentence (quote) that says so, or call again when the user is there."


def tell(change: Change | None, wanted: Verdicts) -> tuple[str, ...]:
    """Say what was done, by the ids of facts; no word of the chat stands in it."""
    if change is None:
        return ("nothing: the memory says so already",)
    lines = [f"confirmed {fact.id}" for fact in change.confirmed]
    lines += [f"added {fact.id}" for fact in change.added]
    for item in change.replaced:
        lines.append(f"{item.old.id} gave way to {item.new.id}" if item.new else f"took out {item.old.id}")
    out = {item.old.id for item in change.replaced}
    lines += [f"keeps {fact_id} out" for fact_id in wanted.reject if fact_id not in out]
    lines += [f"no room for {fact.id}" for fact in change.evicted]
    if change.left_summary:
        lines.append(f"lines that left the summary: {len(change.left_summary)}")
    more = len(lines) - LINES_TOLD
    told = [*lines[:LINES_TOLD], f"and {more} changes more"] if more > 0 else lines
    return tuple(told) or ("lines of the summary are back",)
