"""Chats as resources: `memory://{percent-encoded chat id}`, and who wants to hear when one changes."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote, unquote_to_bytes

import anyio
import anyio.lowlevel

from chat_memory.errors import TooManyWatchesError
from chat_memory.models import ChatKey
from chat_memory.storage.bell import Bell, Ring
from chat_memory.telemetry import Event, log

SCHEME = "memory://"
TEMPLATE = "memory://{chat_id}"
Deliver: TypeAlias = Callable[[str], Awaitable[None]]
WATCHES = 256
"""Most chats one subscriber, a session or a stream, may watch."""
DELIVER_SECONDS = 5.0
"""How long news wait for a session that does not read its stream; its calls wait behind them."""
PAUSE_SECONDS = 0.1
"""Least time between two news of one chat to one subscriber; the first is told at once."""
BATCH = 8
"""How many watchers are told between two looks at other work: telling one takes about 0.6 ms."""


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


@dataclass(slots=True, eq=False)
class Watch:
    """One chat watched by one subscriber."""

    key: ChatKey
    uri: str
    deliver: Deliver
    holder: object
    changed: bool = False
    telling: bool = False


class Watchers:
    """Who watches which chat, and the task that tells them: a level trigger, so many changes may be one message.

    A subscriber is any object: a session's name, a stream. Each watch is told by a task of its own, at most one at a
    time, so that a client that does not read holds up nobody else.
    """

    def __init__(self, bell: Bell) -> None:
        """Hear the bell of this process."""
        self._bell = bell
        self._watches: dict[ChatKey, set[Watch]] = {}
        self._held: dict[object, dict[str, Watch]] = {}
        self._changed: list[Watch] = []
        self._rung = anyio.Event()

    def __len__(self) -> int:
        """Count the watches."""
        return sum(len(held) for held in self._held.values())

    def watch(self, key: ChatKey, uri: str, deliver: Deliver, holder: object) -> None:
        """Call `deliver(uri)` after every change of a chat, until `holder` lets go; watching again replaces.

        Raises:
            TooManyWatchesError: the holder has as many as it may.
        """
        self.unwatch(uri, holder)
        held = self._held.setdefault(holder, {})
        if len(held) >= WATCHES:
            raise TooManyWatchesError(limit=WATCHES)
        held[uri] = Watch(key, uri, deliver, holder)
        self._watches.setdefault(key, set()).add(held[uri])

    def unwatch(self, uri: str, holder: object) -> None:
        """Stop telling `holder` of one chat."""
        held = self._held.get(holder, {})
        watch = held.pop(uri, None)
        if not held:
            self._held.pop(holder, None)
        if watch is not None:
            watches = self._watches[watch.key]
            watches.discard(watch)
            if not watches:
                del self._watches[watch.key]

    def drop(self, holder: object) -> None:
        """Stop telling `holder` of anything: it is gone."""
        for uri in list(self._held.get(holder, {})):
            self.unwatch(uri, holder)

    def remind(self, holder: object) -> None:
        """Tell `holder` of all it watches: it was deaf for a while, and anything may have changed."""
        self._announce(self._held.get(holder, {}).values())

    async def run(self) -> None:
        """Tell watchers of changes, for ever."""
        unsubscribe = self._bell.subscribe(self._hear)
        try:
            async with anyio.create_task_group() as group:
                while True:
                    await self._rung.wait()
                    self._rung = anyio.Event()
                    changed, self._changed = self._changed, []
                    for number, watch in enumerate(changed, 1):
                        if not watch.telling:
                            watch.telling = True
                            group.start_soon(self._tell, watch)
                        if number % BATCH == 0:
                            await anyio.lowlevel.checkpoint()
        finally:
            unsubscribe()

    def _hear(self, rung: Ring) -> None:
        self._announce(self._watches.get(rung.key, ()))

    def _announce(self, watches: Iterable[Watch]) -> None:
        for watch in watches:
            if not watch.changed:
                watch.changed = True
                self._changed.append(watch)
                self._rung.set()

    async def _tell(self, watch: Watch) -> None:
        try:
            while watch.changed:
                watch.changed = False
                await watch.deliver(watch.uri)
                await anyio.sleep(PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - one lost subscriber must not silence the others
            log(Event.SUBSCRIBER_LOST, level=logging.WARNING, error=error)
            self.unwatch(watch.uri, watch.holder)
        finally:
            watch.telling = False


async def deliver_in_time(deliver: Deliver, give_up: Callable[[], None], uri: str) -> None:
    """Deliver, or give up when that takes too long."""
    with anyio.move_on_after(DELIVER_SECONDS) as patience:
        await deliver(uri)
    if patience.cancelled_caught:
        give_up()
