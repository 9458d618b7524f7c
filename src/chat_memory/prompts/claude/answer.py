"""What an answer must be before the gate looks at its facts: complete, and a delta."""

import re

from pydantic import ValidationError

from chat_memory.errors import ModelAnswerError
from chat_memory.models import Delta, ProposedFact

UNUSABLE = {
    "max_tokens": "it was cut off at the token limit",
    "model_context_window_exceeded": "the turns do not fit the model's context: lower CHAT_MEMORY_MODEL_FOLD_BYTES",
    "refusal": "the model refused",
}
"""Stop reasons that leave no delta, and what they mean to an operator."""
FACTS = 1_000
TEXT_CHARACTERS = 2_000
TOKEN_CHARACTERS = 16
"""Most facts of an answer, longest text of one, and most characters a token of a summary holds."""
KNOWN = {*Delta.model_fields, *ProposedFact.model_fields}
_ENTITY = re.compile("&(lt|gt|quot|amp);")
_SIGNS = {"lt": "<", "gt": ">", "quot": '"', "amp": "&"}


def read_answer(model: str, stop_reason: str | None, text: str, memory_tokens: int) -> Delta:
    """Turn a model's text into a delta, its words as the chat has them; `memory_tokens` caps the memory it is for.

    Raises:
        ModelAnswerError: it is cut off, refused, no delta, or larger than any memory.
    """
    if stop_reason in UNUSABLE:
        raise ModelAnswerError(model=model, reason=UNUSABLE[stop_reason])
    try:
        delta = Delta.model_validate_json(unfence(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(_name(part) for part in first["loc"]) or "the whole"
        raise ModelAnswerError(model=model, reason=f"it is no delta: {place}: {first['type']}") from None
    if not _fits(delta, memory_tokens):
        raise ModelAnswerError(model=model, reason="it is larger than any memory")
    facts = tuple(
        fact.model_copy(
            update={"key": unescape(fact.key), "value": unescape(fact.value), "quote": unescape(fact.quote)}
        )
        for fact in delta.facts
    )
    return Delta(facts=facts, summary=None if delta.summary is None else unescape(delta.summary))


def unfence(text: str) -> str:
    """Take JSON out of a Markdown fence: models that are not held to a schema like to put it there."""
    body = text.strip()
    opening, _, rest = body.partition("\n")
    fenced = opening.strip() in {"```", "```json"} and rest.endswith("```")
    return rest.removesuffix("```") if fenced else text


def _fits(delta: Delta, memory_tokens: int) -> bool:
    """Tell whether the gate need look at it: sizes no admitted fact or summary has are not worth its time."""
    texts = (text for fact in delta.facts for text in (fact.key, fact.value, fact.quote, fact.replaces))
    return (
        len(delta.facts) <= FACTS
        and len(delta.summary or "") <= memory_tokens * TOKEN_CHARACTERS
        and all(len(text) <= TEXT_CHARACTERS for text in texts)
    )


def _name(part: int | str) -> str:
    """Name a place in an answer; a field we do not know is the model's own words, and those are not repeated."""
    return str(part) if isinstance(part, int) or part in KNOWN else "an unknown field"


def unescape(text: str) -> str:
    """Read what `request.escape` wrote; a model copies it as often as it reads it."""
    return _ENTITY.sub(lambda match: _SIGNS[match[1]], text)
