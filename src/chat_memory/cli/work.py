"""`chat-memory work`: a worker as a process of its own, beside servers that share its database."""

from concurrent.futures import Future

import anyio

from chat_memory.errors import ChatMemoryError
from chat_memory.prompts.choice import describe_choice
from chat_memory.server.app import background, open_toolbox
from chat_memory.server.signals import answer_signals
from chat_memory.settings import Settings, read_settings
from chat_memory.storage.bell import Bell
from chat_memory.storage.embedded import EmbeddedServer, early_start
from chat_memory.telemetry import Event, configure_logging, log


def work() -> None:
    """Fold chats beside a server, until SIGINT or SIGTERM. Log: stderr."""
    settings = read_settings()
    configure_logging(settings.log_level)
    with early_start(settings) as early:
        anyio.run(fold_until_told, settings, early)


async def fold_until_told(settings: Settings, early: "Future[EmbeddedServer] | None") -> None:
    """Fold until a signal arrives, then hand every lease back.

    Raises:
        ChatMemoryError: the database cannot be used; a supervisor may start the process again.
    """
    failure: ChatMemoryError | None = None
    async with anyio.create_task_group() as group:
        await group.start(answer_signals, group.cancel_scope.cancel)
        try:
            await fold_for_ever(settings, early)
        except ChatMemoryError as error:
            failure = error  # raised outside the group, which would wrap it
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def fold_for_ever(settings: Settings, early: "Future[EmbeddedServer] | None") -> None:
    """Fold until cancelled, whatever the settings say about servers folding."""
    folding = settings.model_copy(update={"worker": True})
    log(Event.WORKER_STARTED, summarizer=describe_choice(settings))
    try:
        async with open_toolbox(folding, Bell(), early) as opened, background(opened.box):
            await anyio.sleep_forever()
    finally:
        log(Event.WORKER_STOPPED)
