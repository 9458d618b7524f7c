"""What an answer must be before the gate looks at its facts: complete, and a delta."""

import re

from pydantic import ValidationError

from chat_memory.errors import ModelAnswerError
from chat_memory.models import Delta

UNUSABLE = {
    "max_tokens": "it was cut off at the token limit",
    "model_context_window_exceeded": "the turns do not fit the model's context: lower CHAT_MEMORY_MODEL_FOLD_BYTES",
    "refusal": "the model refused",
}
"""Stop reasons that leave no delta, and what they mean to an operator."""
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)
"""Models that are not held to a schema like to put their JSON in a fence."""
_ENTITY = re.compile("&(lt|gt|quot|amp);")
_SIGNS = {"lt": "<", "gt": ">", "quot": '"', "amp": "&"}


def read_answer(model: str, stop_reason: str | None, text: str) -> Delta:
    """Turn a model's text into a delta, its words as the chat has them.

    Raises:
        ModelAnswerError: it is cut off, refused, or no delta.
    """
    if stop_reason in UNUSABLE:
        raise ModelAnswerError(model=model, reason=UNUSABLE[stop_reason])
    try:
        fenced = _FENCED.fullmatch(text)
        delta = Delta.model_validate_json(fenced[1] if fenced else text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ModelAnswerError(model=model, reason=f"it is no delta: {place}: {first['type']}") from None
    facts = tuple(
        fact.model_copy(
            update={"key": unescape(fact.key), "value": unescape(fact.value), "quote": unescape(fact.quote)}
        )
        for fact in delta.facts
    )
    return Delta(facts=facts, summary=None if delta.summary is None else unescape(delta.summary))


def unescape(text: str) -> str:
    """Read what `request.escape` wrote; a model copies it as often as it reads it."""
    return _ENTITY.sub(lambda match: _SIGNS[match[1]], text)
