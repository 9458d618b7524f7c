"""Chats as resources: `memory://{percent-encoded chat id}`, and who wants to hear when one changes."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import quote, unquote_to_bytes

import anyio

from chat_memory.models import ChatKey
from chat_memory.storage.bell import Bell, Ring
from chat_memory.telemetry import Event, log

SCHEME = "memory://"
TEMPLATE = "memory://{chat_id}"
Deliver: TypeAlias = Callable[[str], Awaitable[None]]


def uri_of(chat_id: str) -> str:
    """Name a chat's memory as a resource: every byte that is not a letter, digit or one of `-._~` is encoded."""
    return SCHEME + quote(chat_id, safe="")


def chat_id_of(uri: str) -> str | None:
    """Read the chat id back, byte for byte; None when the URI names no chat."""
    if not uri.startswith(SCHEME):
        return None
    try:
        return unquote_to_bytes(uri.removeprefix(SCHEME)).decode() or None
    except UnicodeDecodeError:
        return None


class Watchers:
    """Who watches which chat, and the task that tells them: a level trigger, so many changes may be one message."""

    def __init__(self, bell: Bell) -> None:
        """Hear the bell of this process."""
        self._bell = bell
        self._watches: dict[ChatKey, dict[object, tuple[str, Deliver]]] = {}
        self._changed: dict[ChatKey, None] = {}
        self._rung = anyio.Event()

    def watch(self, key: ChatKey, uri: str, deliver: Deliver, ticket: object) -> None:
        """Call `deliver(uri)` after every change of a chat, until `ticket` is given back; the same ticket replaces."""
        self._watches.setdefault(key, {})[ticket] = (uri, deliver)

    def unwatch(self, key: ChatKey, ticket: object) -> None:
        """Stop what was begun with `ticket`."""
        watches = self._watches.get(key, {})
        watches.pop(ticket, None)
        if not watches:
            self._watches.pop(key, None)

    async def run(self) -> None:
        """Tell watchers of changes, for ever."""
        unsubscribe = self._bell.subscribe(self._hear)
        try:
            while True:
                await self._rung.wait()
                self._rung = anyio.Event()
                changed, self._changed = self._changed, {}
                for key in changed:
                    await self._tell(key)
        finally:
            unsubscribe()

    def _hear(self, rung: Ring) -> None:
        if rung.key in self._watches:
            self._changed[rung.key] = None
            self._rung.set()

    async def _tell(self, key: ChatKey) -> None:
        for ticket, (uri, deliver) in list(self._watches.get(key, {}).items()):
            try:
                await deliver(uri)
            except Exception as error:  # noqa: BLE001 - one lost subscriber must not silence the others
                log(Event.SUBSCRIBER_LOST, level=logging.WARNING, error=error)
                self.unwatch(key, ticket)
