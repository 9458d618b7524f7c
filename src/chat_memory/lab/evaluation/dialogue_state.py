"""The suite dialogue_state."""

from chat_memory.lab.evaluation.finding import Finding
from chat_memory.lab.evaluation.study import Study


async def measure(_study: Study) -> Finding:
    """Measure nothing yet."""
    raise NotImplementedError
