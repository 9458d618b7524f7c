"""Learning how a model counts from what it says its answers cost."""

from chat_memory.models import Counting, Usage
from chat_memory.storage import calibrations
from chat_memory.tools.toolbox import Toolbox

LEAST_FACTOR = 0.5
MOST_FACTOR = 2.0
"""Bounds of what one answer may teach: tokenizers differ by less, a wrong usage by more. At the upper one half of what
is used of the cap still is, which is what confirmed facts may fill."""
LEAST_TOKENS = 50
"""Answers shorter than this say more about their brackets than about text."""
SHARE = 0.1
"""Share of the newest answer in the exponential average: about the last twenty count."""


async def calibrate(box: Toolbox, model: str, usage: Usage) -> Counting:
    """Learn from an answer of `model`, and return how to count now; without a model nothing is learned or applied."""
    if not model:
        return Counting()
    if usage.estimated_out < LEAST_TOKENS:
        factor = await box.db.run(lambda session: calibrations.read_factor(session, model))
    else:
        seen = min(max(usage.tokens_out / usage.estimated_out, LEAST_FACTOR), MOST_FACTOR)
        factor = await box.db.run(lambda session: calibrations.learn_factor(session, model, seen, SHARE))
    return Counting(factor=round(factor, 2), model=model)
