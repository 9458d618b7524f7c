"""The story: a conversation is written, its server killed in the middle, and all that was promised looked for."""

from dataclasses import dataclass, field
from time import perf_counter
from uuid import uuid4

import anyio

from chat_memory.cli.demo.comparison import Kept, compare, list_misled, list_unproven
from chat_memory.cli.demo.conversation import Conversation
from chat_memory.cli.demo.retrospect import Retrospect, look_back
from chat_memory.cli.demo.scratch import Scratch
from chat_memory.cli.demo.screen import Screen
from chat_memory.cli.demo.server import Server, start_server
from chat_memory.errors import DemoError
from chat_memory.models import Message
from chat_memory.replies import MemoryReply

BURSTS = 20
"""How often the burst is written until the kill finds turns pending: folds take milliseconds."""
LOOK_SECONDS = 0.02
"""Pause between two looks at what is still pending."""
FOLD_SECONDS = 60.0
"""How long folding may take after the restart: the lease of the killed server and then some."""


@dataclass(slots=True)
class Times:
    """What was measured, in seconds."""

    cold: float = 0.0
    warm: float = 0.0
    killed_at: float = 0.0
    kill_to_answer: float = 0.0
    updates: list[float] = field(default_factory=list[float])
    folds: list[float] = field(default_factory=list[float])


@dataclass(frozen=True, slots=True)
class Verdict:
    """A promise, and every difference found; none: it was kept."""

    promise: str
    differences: list[str]


@dataclass(slots=True)
class Story:
    """One run: the conversation, the receipts in our own hands, and what came of them."""

    conversation: Conversation
    scratch: Scratch
    screen: Screen
    chat_id: str = ""
    pending: int = 0
    kept: list[Kept] = field(default_factory=list[Kept])
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    memory: MemoryReply | None = None
    past: Retrospect | None = None
    calm_version: int = 1
    times: Times = field(default_factory=Times)

    async def write_until_killed(self) -> None:
        """First life: write the conversation, and kill the server while acknowledged turns wait to be folded.

        Raises:
            DemoError: every burst was folded before it could be read.
        """
        began = perf_counter()
        async with start_server(self.scratch) as server:
            await server.read("not yet written")
            self.times.cold = perf_counter() - began
            for attempt in range(1, BURSTS + 1):
                if await self._write(server):
                    self.times.killed_at = perf_counter()
                    server.kill()
                    self.screen.tell_kill(server.pid, self.pending, attempt)
                    return
                await server.forget(self.chat_id)
        raise DemoError(reason=f"{BURSTS} bursts were folded before they could be read as pending; run it again")

    async def _write(self, server: Server) -> int:
        """Write the conversation into a new chat, the end of it in a burst; how many turns are pending after that."""
        self.chat_id = f"demo {uuid4()}"
        self.kept.clear()
        calm, burst = self.conversation.split()
        self.screen.begin(len(self.conversation.messages))
        for messages in calm:
            await self._update(server, messages)
            began = perf_counter()
            reply = await server.summarize(self.chat_id)
            self.times.folds.append(perf_counter() - began)
            self.screen.show(reply)
            self.calm_version = reply.version
        for messages in burst:
            await self._update(server, messages)
        reply = await server.read(self.chat_id)
        self.pending = reply.pending
        self.screen.show(reply)
        return reply.pending

    async def _update(self, server: Server, messages: tuple[Message, ...]) -> None:
        began = perf_counter()
        receipt = await server.update(self.chat_id, messages)
        self.times.updates.append(perf_counter() - began)
        self.kept.append(Kept(receipt.first_seq, receipt.seq, messages))
        self.screen.show_written(len(messages))

    async def look_for_everything(self) -> None:
        """Second life: start again, compare every receipt with the history, and wait until all of it is memory."""
        async with start_server(self.scratch) as server:
            await server.read(self.chat_id)
            self.times.kill_to_answer = perf_counter() - self.times.killed_at
            history = await server.read_history(self.chat_id)
            turns = len(self.conversation.messages)
            self._judge(
                f"every turn ({turns}) of every receipt ({len(self.kept)}) is there: byte for byte, no gap, none twice",
                compare(self.kept, history),
            )
            memory = await self._wait_folded(server)
            behind = [] if memory.covers_seq == turns else [f"memory covers turn 1 to {memory.covers_seq} of {turns}"]
            self._judge(f"turns acknowledged but not folded at the kill ({self.pending}) are in the memory now", behind)
            self._judge("every confirmed fact has the user's own words as proof", list_unproven(memory, history))
            for what, words in self.conversation.never_confirmed.items():
                self._judge(f"{what} ({words}) is not confirmed", list_misled(memory, what, words))
            await self._look_back(server)

    async def _look_back(self, server: Server) -> None:
        """Ask the memory for its past, and take it back there and here again."""
        self.past = past = await look_back(server, self.chat_id, self.calm_version)
        for what, words in self.conversation.corrected.items():
            named = any(words.casefold() in line.was.casefold() for line in past.corrections)
            self._judge(f"{what} is named with the version that replaced it", [] if named else [f"{words} is not"])
        self._judge("a guess stays one, and a restore leads to the past and back", past.differences)
        self.memory = await server.read(self.chat_id)

    async def _wait_folded(self, server: Server) -> MemoryReply:
        with anyio.move_on_after(FOLD_SECONDS):
            while True:
                reply = await server.read(self.chat_id)
                self.screen.show(reply)
                if not reply.pending:
                    return reply
                await anyio.sleep(LOOK_SECONDS)
        raise DemoError(reason=f"turns were still pending {FOLD_SECONDS:.0f} s after the restart")

    async def come_back(self, *, keep: bool) -> None:
        """Third life, after an orderly end: the same memory is there; then the chat is forgotten unless it is kept."""
        began = perf_counter()
        async with start_server(self.scratch) as server:
            memory = await server.read(self.chat_id)
            self.times.warm = perf_counter() - began
            self._judge(
                "the same memory is there after an orderly end and a start",
                [] if memory == self.memory else ["the memory changed while nobody wrote"],
            )
            if not keep:
                await server.forget(self.chat_id)

    def _judge(self, promise: str, differences: list[str]) -> None:
        self.verdicts.append(Verdict(promise, differences))


async def tell(story: Story, keep: bool) -> None:  # noqa: FBT001 - anyio.run passes arguments by position
    """Tell the whole story; `story` has the outcome.

    Raises:
        DemoError: it could not be told to its end.
    """
    await story.write_until_killed()
    await story.look_for_everything()
    await story.come_back(keep=keep)
