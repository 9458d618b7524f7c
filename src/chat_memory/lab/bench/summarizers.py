"""The one object the benchmark swaps: who folds. Drafts, gate, versions and fences stay the product's own."""

import random
from math import log

import anyio

from chat_memory.models import Delta
from chat_memory.prompts.summarizer import FoldRequest, Proposal

SUMMARY_BYTES = 700
"""What a summary of a chat of some length weighs."""
WORDS = "the plan holds and nothing was decided against it since the talk began so the next step stays as it was said. "
DELTA = Delta(summary=(WORDS * (SUMMARY_BYTES // len(WORDS) + 1))[:SUMMARY_BYTES].strip())
SPREAD = 0.5
"""Sigma of the log-normal: one call in a hundred takes three times the mean."""


class NoModel:
    """Answers at once with a summary of fixed size, and counts the turns it was shown."""

    name = "bench"
    model = ""
    echoes = ()
    remote = False

    def __init__(self) -> None:
        """Begin at zero."""
        self.turns = 0

    async def fold(self, request: FoldRequest) -> Proposal:
        """Propose the same summary again."""
        self.turns += len(request.turns)
        return Proposal(DELTA)


class SlowModel(NoModel):
    """Answers as a model does: after a log-normal time of a given mean."""

    remote = True

    def __init__(self, mean_seconds: float, seed: int = 1) -> None:
        """Take `mean_seconds` on average; the same seed draws the same times."""
        super().__init__()
        self._mu = log(mean_seconds) - SPREAD**2 / 2
        self._random = random.Random(seed)  # noqa: S311 - a load, not a secret

    async def fold(self, request: FoldRequest) -> Proposal:
        """Wait, then propose."""
        await anyio.sleep(self._random.lognormvariate(self._mu, SPREAD))
        return await super().fold(request)
