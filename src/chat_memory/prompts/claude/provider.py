"""The Messages API through Anthropic's SDK, and the only place its errors are seen.

A module of its own because the SDK takes about a second to import: the summarizer loads it in a thread, at its first
fold, and a server that never folds with a model never does.
"""

import anthropic
import anyio
from anthropic import AsyncAnthropic
from anthropic.types import OutputConfigParam, TextBlockParam, ThinkingConfigDisabledParam
from pydantic import BaseModel, ValidationError

from chat_memory.errors import ModelBusyError, ModelError, ModelFailedError, ModelRefusedError, NoKeyError
from chat_memory.models import Delta
from chat_memory.settings import Settings

CONNECT_SECONDS = 2.0
"""A provider that does not pick up is tried again later; a loaded one answers late, not never."""
REFUSED = frozenset({401, 402, 403, 404})
"""Nothing a retry could mend: a wrong key, no credit, no right to the model, no such model."""
BUSY = frozenset({429, 503, 529})
"""The provider asks for patience."""
DEFAULT_PAUSE = 15.0
LONGEST_PAUSE = 300.0
"""Seconds before a busy provider is asked again: when it names none, and at most."""


class Block(BaseModel):
    """A piece of an answer; only text matters."""

    type: str
    text: str = ""


class Counted(BaseModel):
    """Tokens as the provider bills them."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class Reply(BaseModel):
    """An answer as far as it is read."""

    stop_reason: str | None
    content: list[Block]
    usage: Counted

    @property
    def text(self) -> str:
        """The text of all text blocks."""
        return "".join(block.text for block in self.content if block.type == "text")


class Provider:
    """One client of the Messages API. It retries nothing: the durable queue does, and its waiting is seen."""

    def __init__(self, settings: Settings) -> None:
        """Take key, server and model from the settings; without a key, what the SDK finds by itself.

        Raises:
            NoKeyError: no credential resolves.
        """
        self.model = settings.model
        self._seconds = settings.model_seconds
        self._max_tokens = 1024 + 2 * settings.memory_tokens
        key, token = settings.anthropic_api_key, settings.anthropic_auth_token
        try:
            self._client = AsyncAnthropic(
                api_key=key.get_secret_value() if key else None,
                auth_token=token.get_secret_value() if token and not key else None,
                base_url=settings.anthropic_base_url or None,
                timeout=anthropic.Timeout(self._seconds, connect=CONNECT_SECONDS),
                max_retries=0,
            )
        except (anthropic.AnthropicError, ValueError, OSError) as error:
            raise NoKeyError(reason=type(error).__name__) from error
        if not (self._client.api_key or self._client.auth_token or self._client.credentials):
            raise NoKeyError(reason="neither a key nor a profile was found")
        self.host = self._client.base_url.host
        schema = anthropic.transform_schema(Delta)
        self._output = OutputConfigParam(effort="low", format={"type": "json_schema", "schema": schema})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, rules: str, question: str) -> Reply:
        """Ask once, and wait at most `model_seconds` for the whole answer.

        Raises:
            ModelError: there is no answer; its class says whether to ask again, and when.
        """
        try:
            with anyio.fail_after(self._seconds):
                response = await self._client.messages.with_raw_response.create(
                    model=self.model,
                    max_tokens=self._max_tokens,
                    system=[TextBlockParam(type="text", text=rules, cache_control={"type": "ephemeral"})],
                    messages=[{"role": "user", "content": question}],
                    thinking=ThinkingConfigDisabledParam(type="disabled"),
                    output_config=self._output,
                )
                body = await response.read()
            return Reply.model_validate_json(body)
        except TimeoutError:
            raise ModelFailedError(provider=self.host, reason=f"it took over {self._seconds:g} s") from None
        except ValidationError:
            raise ModelFailedError(provider=self.host, reason="what it sent is no message") from None
        except anthropic.APIStatusError as error:
            raise self._status_error(error) from None
        except anthropic.AnthropicError as error:
            raise ModelFailedError(provider=self.host, reason=type(error).__name__) from None

    def _status_error(self, error: anthropic.APIStatusError) -> ModelError:
        """Say what a status means to us; never with the body's words, which may quote a turn."""
        status = error.status_code
        if status in REFUSED:
            return ModelRefusedError(provider=self.host, model=self.model, status=status)
        if status in BUSY:
            seconds = read_pause(error.response.headers.get("retry-after"))
            return ModelBusyError(provider=self.host, status=status, seconds=seconds)
        return ModelFailedError(provider=self.host, reason=f"HTTP {status} {error.type or ''}".rstrip())


def read_pause(header: str | None) -> float:
    """Read retry-after in seconds, within bounds; a date or nonsense counts as none."""
    try:
        seconds = float(header or "")
    except ValueError:
        return DEFAULT_PAUSE
    return min(max(seconds, 1.0), LONGEST_PAUSE) if seconds == seconds else DEFAULT_PAUSE  # noqa: PLR0124 - not a NaN
