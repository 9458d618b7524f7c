"""A model that is asked the same thing once, and nothing that could pass a budget."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from chat_memory.errors import ModelAvoidedError
from chat_memory.prompts.claude.prices import CACHE_WRITE_PRICE, MILLION, price
from chat_memory.prompts.claude.provider import Provider, Reply
from chat_memory.prompts.tokens import count_tokens
from chat_memory.settings import Settings

NEWER_MODELS = 1.3
"""Newer models read up to a third more tokens than we count (shared notes, anthropic-sdk.md)."""
WHEN = re.compile(r' at="[^"]*"')
"""When a turn was said, in a question: the only part of it that differs from run to run."""


@dataclass(slots=True)
class Purse:
    """What may be spent, and what was, US dollars: `worth` counts kept answers too, `paid` only those asked for."""

    budget_usd: float
    paid: float = 0.0
    worth: float = 0.0


class KeptAnswers:
    """Stands between us and a provider: keeps its answers in a folder, by a hash of what was asked."""

    def __init__(self, provider: Provider, settings: Settings, purse: Purse, folder: Path | None) -> None:
        """Ask `provider`, pay out of `purse`; without a folder nothing is kept."""
        self._provider = provider
        self._settings = settings
        self._purse = purse
        self._folder = folder

    async def ask(self, rules: str, question: str) -> Reply:
        """Answer as once before, or ask.

        Raises:
            ModelAvoidedError: the answer might cost more than is left.
            ModelError: there is none.
        """
        file = self._folder / f"{self._name(rules, question)}.json" if self._folder else None
        if file is not None and (kept := read_kept(file)):
            self._purse.worth += price(self._settings, kept.usage).cost_usd
            return kept
        self._refuse_beyond_budget(rules, question)
        reply = await self._provider.ask(rules, question)
        cost = price(self._settings, reply.usage).cost_usd
        self._purse.paid += cost
        self._purse.worth += cost
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(reply.model_dump_json())
        return reply

    async def close(self) -> None:
        """Close the provider's connections."""
        await self._provider.close()

    def _name(self, rules: str, question: str) -> str:
        """Name what is asked: model, room, rules and words, but not when the turns were said."""
        asked = [self._settings.model, self._provider.max_tokens, rules, WHEN.sub("", question)]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def _refuse_beyond_budget(self, rules: str, question: str) -> None:
        """Count a question as the most it can cost: all of it written to the provider's cache, the longest answer."""
        tokens = (count_tokens(rules) + count_tokens(question)) * NEWER_MODELS * CACHE_WRITE_PRICE
        most = tokens * self._settings.model_input_price + self._provider.max_tokens * self._settings.model_output_price
        if self._purse.paid + most / MILLION > self._purse.budget_usd:
            raise ModelAvoidedError(reason=f"the {self._purse.budget_usd:g} USD of --budget-usd might not suffice")


def read_kept(file: Path) -> Reply | None:
    """Read a kept answer; None where there is none that can be read."""
    try:
        return Reply.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
