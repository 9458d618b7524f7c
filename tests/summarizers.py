"""Summarizers for tests: real implementations of the protocol, each with one habit."""

from collections.abc import Callable

import anyio

from chat_memory.errors import FoldError
from chat_memory.models import Delta, ProposedFact, Usage
from chat_memory.prompts.summarizer import FoldRequest, Proposal


class Named:
    """What every summarizer says of itself."""

    name = "test"
    model = "test-1"
    echoes = ()
    remote = True


class Transcript(Named):
    """Folds turns into their own text and remembers what it was asked: the simplest honest summarizer."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    async def fold(self, request: FoldRequest) -> Proposal:
        self.asked.append([turn.seq for turn in request.turns])
        lines = [request.memory.general_summary] if request.memory.general_summary else []
        lines += [f"{turn.seq}: {turn.content}" for turn in request.turns]
        return Proposal(Delta(summary="\n".join(lines)), Usage(tokens_in=7, tokens_out=3))


class Broken(Named):
    """Never answers, or not for turns that contain `poison`."""

    def __init__(self, error: Exception | None = None, poison: str = "") -> None:
        self.error = error or FoldError()
        self.poison = poison

    async def fold(self, request: FoldRequest) -> Proposal:
        if any(self.poison in turn.content for turn in request.turns):
            raise self.error
        return await Transcript().fold(request)


class Slow(Named):
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.started = anyio.Event()
        self.may_answer = anyio.Event()
        self.asked = 0

    async def fold(self, request: FoldRequest) -> Proposal:
        self.asked += 1
        self.started.set()
        await self.may_answer.wait()
        return await Transcript().fold(request)


class Answering(Named):
    """Answers with a delta of the test's making."""

    def __init__(self, answer: Callable[[FoldRequest], Delta]) -> None:
        self.answer = answer

    async def fold(self, request: FoldRequest) -> Proposal:
        return Proposal(self.answer(request))


def stated(value: str, quote: str, seq: int, key: str = "fact", **more: str) -> ProposedFact:
    """A fact a summarizer claims the user stated."""
    return ProposedFact.model_validate(
        {"op": "add", "key": key, "value": value, "basis": "user_stated", "quote": quote, "source_seq": seq, **more}
    )
