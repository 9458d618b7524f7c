"""The summarizer that asks Claude, or any server that speaks its Messages API."""

import importlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.to_thread

from chat_memory.errors import ModelBusyError, ModelOutageError, ModelRefusedError, ModelTimeoutError
from chat_memory.models import Usage
from chat_memory.prompts.claude.answer import read_answer
from chat_memory.prompts.claude.pause import Pause
from chat_memory.prompts.claude.prices import MILLION, price
from chat_memory.prompts.claude.request import ECHOES, write_question, write_rules
from chat_memory.prompts.pacing import run_paced
from chat_memory.prompts.summarizer import FoldRequest, Proposal
from chat_memory.prompts.tokens import count_tokens
from chat_memory.settings import Settings
from chat_memory.telemetry import Event, log

if TYPE_CHECKING:
    from chat_memory.prompts.claude.provider import Reply


class Answering(Protocol):
    """Who is asked: the provider, or what stands between."""

    async def ask(self, rules: str, question: str) -> "Reply":
        """Ask once."""
        ...

    async def close(self) -> None:
        """Ask no more."""
        ...


class Claude:
    """Folds by asking a model for a delta. Paused by the provider it asks nobody until the pause is over."""

    name = "claude"
    echoes = ECHOES
    remote = True

    def __init__(
        self,
        settings: Settings,
        record: Callable[[Usage], Awaitable[None]],
        provider: Answering | None = None,
    ) -> None:
        """Ask as the settings say; every question's cost goes to `record`, whatever becomes of it.

        A `provider` that is given is asked in place of one made of the settings at the first fold.
        """
        self.model = settings.model
        self._settings = settings
        self._record = record
        self._rules = write_rules(settings.memory_tokens)
        self._provider = provider
        self._loading = anyio.Lock()
        self._pause = Pause()

    async def fold(self, request: FoldRequest) -> Proposal:
        """Ask for a delta.

        Raises:
            ModelError: there is none; its class says whether to ask again, and when.
            SettingsError: nobody can be asked: no credential, or no client can be made.
        """
        self._pause.heed()
        provider = await self.load()
        reply = await self._ask(provider, write_question(request, self._settings.model_fold_bytes))
        usage = price(self._settings, reply.usage)
        with anyio.CancelScope(shield=True):  # it was answered, so it is paid for
            await self._record(usage)
        room = request.memory_tokens
        delta = await run_paced(lambda: read_answer(self.model, reply.stop_reason, reply.text, room), len(reply.text))
        estimated = await run_paced(lambda: count_tokens(reply.text), len(reply.text))
        usage = usage.model_copy(update={"estimated_out": estimated})
        log(Event.MODEL_ANSWERED, level=logging.DEBUG, **usage.model_dump())
        return Proposal(delta, usage)

    async def load(self) -> Answering:
        """Load the SDK and open its client, once, beside everything else that goes on.

        Raises:
            SettingsError: no credential resolves, or no client can be made.
        """
        async with self._loading:
            if self._provider is None:
                module = await anyio.to_thread.run_sync(importlib.import_module, "chat_memory.prompts.claude.provider")
                provider: Answering = await anyio.to_thread.run_sync(module.Provider, self._settings)
                self._provider = provider
            return self._provider

    async def close(self) -> None:
        """Close the provider's connections."""
        if self._provider is not None:
            await self._provider.close()

    async def _ask(self, provider: Answering, question: str) -> "Reply":
        """Ask, and learn from how it went; a question nobody waited for to the end is counted by what it held."""
        try:
            reply = await provider.ask(self._rules, question)
        except (anyio.get_cancelled_exc_class(), ModelTimeoutError) as error:
            if isinstance(error, ModelTimeoutError):
                self._pause.note_outage(error)
            with anyio.CancelScope(shield=True):
                await self._record(self._estimate(question))
            raise
        except ModelOutageError as error:
            self._pause.note_outage(error)
            raise
        except (ModelBusyError, ModelRefusedError) as error:
            self._pause.begin(error)
            raise
        self._pause.end()
        return reply

    def _estimate(self, question: str) -> Usage:
        """Guess what a question costs whose answer nobody saw: its input, by our own counter."""
        tokens = count_tokens(self._rules) + count_tokens(question)
        return Usage(tokens_in=tokens, cost_usd=tokens * self._settings.model_input_price / MILLION)
