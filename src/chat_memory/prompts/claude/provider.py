"""The Messages API through Anthropic's SDK, and the only place its errors are seen.

A module of its own because the SDK takes about a second to import: the summarizer loads it in a thread, at its first
fold, and a server that never folds with a model never does.
"""

import logging
import re
from collections.abc import AsyncIterator
from typing import Annotated

import anthropic
import anyio
import httpx2
from anthropic import AsyncAnthropic
from anthropic.types import OutputConfigParam, TextBlockParam, ThinkingConfigDisabledParam
from pydantic import BaseModel, Field, ValidationError

from chat_memory.errors import (
    ModelBusyError,
    ModelError,
    ModelFailedError,
    ModelOutageError,
    ModelRefusedError,
    ModelTimeoutError,
    NoKeyError,
    NoProviderError,
)
from chat_memory.models import Delta
from chat_memory.settings import Settings, is_on_this_machine

URL = "https://api.anthropic.com"
CONNECT_SECONDS = 2.0
"""A provider that does not pick up is tried again later; a loaded one answers late, not never."""
REFUSED = frozenset({*range(300, 400), 401, 402, 403, 404})
"""Nothing a retry could mend: a wrong key, no credit, no right to the model, no such model, another address. Redirects
are not followed: the turns would go where nobody was told."""
BUSY = frozenset({429, 503, 529})
"""The provider asks for patience."""
SERVER_FAULTS = 500
DEFAULT_PAUSE = 15.0
LEAST_PAUSE = 2.0
LONGEST_PAUSE = 300.0
"""Seconds before a busy provider is asked again: when it names none, and within these bounds."""
MOST_OUTPUT_TOKENS = 32_000
ENVELOPE_BYTES = 65_536
TOKEN_BYTES = 16
"""Most bytes of an answer: its envelope, and so many for each token it may have. More is no answer to our question."""
MOST_TOKENS = 100_000_000
"""More tokens than any model reads: a count beyond is a fault of the provider, and not believed."""
KIND = re.compile(r"[a-z_]{1,40}")
Count = Annotated[int, Field(ge=0, le=MOST_TOKENS)]


class Block(BaseModel):
    """A piece of an answer; only text matters."""

    type: str
    text: str = ""


class Counted(BaseModel):
    """Tokens as the provider bills them."""

    input_tokens: Count
    output_tokens: Count
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None


class Reply(BaseModel):
    """An answer as far as it is read."""

    stop_reason: str | None
    content: list[Block]
    usage: Counted

    @property
    def text(self) -> str:
        """The text of all text blocks."""
        return "".join(block.text for block in self.content if block.type == "text")


class Bounded(httpx2.AsyncByteStream):
    """A body that ends in an error when it grows beyond any answer, an error's own included."""

    def __init__(self, stream: httpx2.AsyncByteStream, limit: int) -> None:
        """Let `limit` bytes through."""
        self._stream = stream
        self._left = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Pass the bytes on."""
        async for piece in self._stream:
            self._left -= len(piece)
            if self._left < 0:
                raise httpx2.ReadError("the body is larger than any answer")
            yield piece

    async def aclose(self) -> None:
        """Close the body."""
        await self._stream.aclose()


class Provider:
    """One client of the Messages API. It retries nothing: the durable queue does, and its waiting is seen."""

    def __init__(self, settings: Settings, answer: type[BaseModel] = Delta) -> None:
        """Take key, server and model from the settings; without a key, what the SDK finds by itself.

        Every answer is held to the schema of `answer`.

        Raises:
            NoKeyError: no credential resolves.
            NoProviderError: no client can be made of the base URL and the proxies this machine names.
        """
        self.model = settings.model
        self._seconds = settings.model_seconds
        self.max_tokens = min(1024 + 2 * settings.memory_tokens, MOST_OUTPUT_TOKENS)
        self._limit = ENVELOPE_BYTES + TOKEN_BYTES * self.max_tokens
        for name in ("anthropic", "httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)  # whatever ANTHROPIC_LOG says: they would log the turns
        try:
            self._client = self._open_client(settings)
        except anthropic.CredentialsError as error:
            raise NoKeyError from error
        except Exception as error:
            raise NoProviderError(kind=type(error).__name__) from error
        if not (self._client.api_key or self._client.auth_token or self._client.credentials):
            raise NoKeyError
        self.host = self._client.base_url.host
        schema = anthropic.transform_schema(answer)
        self._output = OutputConfigParam(effort="low", format={"type": "json_schema", "schema": schema})

    def _open_client(self, settings: Settings) -> AsyncAnthropic:
        key, token = settings.anthropic_api_key, settings.anthropic_auth_token
        url = settings.anthropic_base_url or URL
        return AsyncAnthropic(
            api_key=key.get_secret_value() if key else None,
            auth_token=token.get_secret_value() if token and not key else None,
            base_url=url,
            timeout=anthropic.Timeout(self._seconds, connect=CONNECT_SECONDS),
            max_retries=0,
            default_headers={"accept-encoding": "identity"},
            http_client=anthropic.DefaultAsyncHttpxClient(
                follow_redirects=False,
                trust_env=not is_on_this_machine(url),  # a proxy would carry what stays here elsewhere
                event_hooks={"response": [self._bound]},
            ),
        )

    async def _bound(self, response: httpx2.Response) -> None:
        """Refuse a body that could not be an answer before it is read, and whatever hides its size."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise httpx2.DecodingError("the body is compressed, which was not asked for")
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - this client is asynchronous
        response.stream = Bounded(response.stream, self._limit)

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
                    max_tokens=self.max_tokens,
                    system=[TextBlockParam(type="text", text=rules, cache_control={"type": "ephemeral"})],
                    messages=[{"role": "user", "content": question}],
                    thinking=ThinkingConfigDisabledParam(type="disabled"),
                    output_config=self._output,
                )
                body = await response.read()
            return Reply.model_validate_json(body)
        except (TimeoutError, anthropic.APITimeoutError):
            raise ModelTimeoutError(provider=self.host, reason=f"it took over {self._seconds:g} s") from None
        except ValidationError:
            raise ModelFailedError(provider=self.host, reason="what it sent is no message") from None
        except anthropic.APIStatusError as error:
            raise self._status_error(error) from None
        except (anthropic.AnthropicError, httpx2.HTTPError) as error:
            raise ModelOutageError(provider=self.host, reason=type(error).__name__) from None

    def _status_error(self, error: anthropic.APIStatusError) -> ModelError:
        """Say what a status means to us; never with the body's words, which may quote a turn."""
        status = error.status_code
        if status in REFUSED:
            return ModelRefusedError(provider=self.host, model=self.model, status=status)
        if status in BUSY:
            seconds = read_pause(error.response.headers.get("retry-after"))
            return ModelBusyError(provider=self.host, reason=f"HTTP {status}", seconds=seconds)
        kind: object = error.type
        known = f" {kind}" if isinstance(kind, str) and KIND.fullmatch(kind) else ""
        failed = ModelOutageError if status >= SERVER_FAULTS else ModelFailedError
        return failed(provider=self.host, reason=f"HTTP {status}{known}")


def read_pause(header: str | None) -> float:
    """Read retry-after in seconds, within bounds; a date or nonsense counts as none."""
    try:
        seconds = float(header or "")
    except ValueError:
        return DEFAULT_PAUSE
    return min(max(seconds, LEAST_PAUSE), LONGEST_PAUSE) if seconds == seconds else DEFAULT_PAUSE  # noqa: PLR0124 - not a NaN
