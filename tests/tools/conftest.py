"""A model's provider, and toolboxes that ask it, for tests of what a model folds."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from chat_memory.models import Usage
from chat_memory.prompts.choice import open_summarizers
from chat_memory.settings import read_settings
from chat_memory.storage import model_spend
from chat_memory.storage.database import Database
from chat_memory.tools.toolbox import Toolbox
from tests.messages_server import MessagesServer, messages_server

KEY = "test-key"
QUICK = {"BACKOFF_SECONDS": "0.01", "POLL_SECONDS": "0.02", "MAX_ATTEMPTS": "3", "MODEL_SECONDS": "20"}


@pytest.fixture
def provider() -> Iterator[MessagesServer]:
    """The model's provider."""
    with messages_server(KEY) as server:
        yield server
    assert server.refused == [], "a request broke the rules of the API"


@asynccontextmanager
async def asking(db: Database, box: Toolbox, url: str, **settings: str) -> AsyncGenerator[Toolbox]:
    """A toolbox whose summarizer asks the model at `url`."""
    environment = {f"CHAT_MEMORY_{name}": value for name, value in {**QUICK, **settings}.items()}
    read = read_settings({"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url} | environment)

    async def record(usage: Usage) -> None:
        await db.run(lambda session: model_spend.record_spend(session, read.model, usage))

    async with open_summarizers(read, record) as (model, fallback):
        yield replace(box, settings=read, summarizer=model, fallback=fallback)


@pytest.fixture
async def asked(db: Database, box: Toolbox, provider: MessagesServer) -> AsyncIterator[Toolbox]:
    """A toolbox whose summarizer asks the provider."""
    async with asking(db, box, provider.url) as opened:
        yield opened
