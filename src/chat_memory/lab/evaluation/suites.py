"""The suites by name."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from chat_memory.lab.evaluation import dialogue_state, injection, long_chat, model, redaction
from chat_memory.lab.evaluation.finding import Finding
from chat_memory.lab.evaluation.study import Study

Measure: TypeAlias = Callable[[Study], Awaitable[Finding]]

SUITES: Mapping[str, Measure] = {
    "dialogue_state": dialogue_state.measure,
    "long_chat": long_chat.measure,
    "injection": injection.measure,
    "redaction": redaction.measure,
    "model": model.measure,
}
