"""Which summarizer folds, and whether that sends text away: decided at the start, and said wherever somebody asks."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from chat_memory.models import Usage
from chat_memory.prompts.claude.summarizer import Claude
from chat_memory.prompts.extractive import Extractive
from chat_memory.prompts.summarizer import Summarizer
from chat_memory.settings import Settings, is_on_this_machine

PROVIDER = "api.anthropic.com"


@asynccontextmanager
async def open_summarizers(
    settings: Settings, record: Callable[[Usage], Awaitable[None]]
) -> AsyncGenerator[tuple[Summarizer, Summarizer | None]]:
    """Open the summarizer the settings ask for, and the one that steps in when it is a model that cannot answer.

    Raises:
        NoKeyError: a model is demanded and no credential resolves.
    """
    if not uses_model(settings):
        yield Extractive(), None
        return
    claude = Claude(settings, record)
    try:
        if settings.summarizer == "claude":  # demanded, so a missing credential is an error now, not at every fold
            await claude.load()
        yield claude, Extractive()
    finally:
        await claude.close()


def uses_model(settings: Settings) -> bool:
    """Tell whether a model folds: when it is asked for, or when a key was given and nothing else is asked for.

    A profile some other program left on this machine is no consent to send chats away: it counts when asked for only.
    """
    given = settings.anthropic_api_key is not None or settings.anthropic_auth_token is not None
    return settings.summarizer == "claude" or (settings.summarizer == "auto" and given)


def leaves_machine(settings: Settings) -> bool:
    """Tell whether new turns are sent to another machine."""
    return uses_model(settings) and not is_on_this_machine(settings.anthropic_base_url)


def describe_choice(settings: Settings) -> str:
    """Say who folds and where the text goes, in a sentence or two."""
    if not uses_model(settings):
        return "Memory is made on this machine by extraction: no text leaves it."
    host = urlsplit(settings.anthropic_base_url).hostname or PROVIDER
    where = f"sent there: text leaves this machine, at most {settings.daily_budget_usd:g} USD a day"
    goes = where if leaves_machine(settings) else "sent there, and stay on this machine"
    return f"Memory is made by the model {settings.model} at {host}: new turns are {goes}."
