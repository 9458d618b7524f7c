"""What a summarizer is: pending turns in, a proposed delta out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chat_memory.models import Delta, Memory, Turn, Usage


@dataclass(frozen=True, slots=True)
class FoldRequest:
    """What one fold is made from: the memory at `base_version`, the turns after it in order, and the room there is."""

    memory: Memory
    base_version: int
    turns: Sequence[Turn]
    memory_tokens: int
    """Token cap of the whole memory."""
    question: Turn | None = None
    """The turn before them, folded already, where they open with the user's yes to it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A summarizer's answer, with what it cost."""

    delta: Delta
    usage: Usage = Usage()


class Summarizer(Protocol):
    """Turns pending turns into a delta. Never writes: the gate and storage decide what becomes memory."""

    @property
    def name(self) -> str:
        """Which summarizer this is, as stored with every version: `extractive`, `claude`."""
        ...

    @property
    def model(self) -> str:
        """The model's name, empty without one."""
        ...

    @property
    def echoes(self) -> Sequence[str]:
        """Texts of its own instructions that no summary and, as `key: value`, no fact may repeat: the gate looks."""
        ...

    @property
    def remote(self) -> bool:
        """Whether answers come from elsewhere and take their time: then chats are asked about side by side."""
        ...

    async def fold(self, request: FoldRequest) -> Proposal:
        """Propose what the new turns change. Same request, same answer, where no model is involved.

        Raises:
            FoldError: the summarizer cannot answer; the turns stay pending.
        """
        ...
