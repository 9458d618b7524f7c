"""The bell: LISTEN/NOTIFY tells every process which chats changed. A poll stands behind it: it may be missed."""

import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeAlias

import anyio
import asyncpg

from chat_memory.models import ChatKey
from chat_memory.storage.database import CONNECT_SECONDS, GONE, REFUSED_LOGIN, Session
from chat_memory.storage.queries import load_queries
from chat_memory.telemetry import Event, log

QUERIES = load_queries("bell")
CHANNEL = "chat_memory"
CHECK_SECONDS = 15.0
"""How often the listening connection is asked whether it lives: a cut network cable rings no bell."""
KEY_BYTES = 16
RETRY_SECONDS = 0.5
"""Pause before listening again after the connection was lost."""


class Ring(NamedTuple):
    """What a bell says: which chat changed, and whether there is something to fold or something to read."""

    key: ChatKey
    grew: bool


Listener: TypeAlias = Callable[[Ring], None]


async def ring(session: Session, *rings: Ring) -> None:
    """Tell every process, on commit, of at most 200 chats that changed alike. Once: NOTIFY serializes commits."""
    told = "".join(rung.key.chat.hex() for rung in rings)
    await session.execute(QUERIES["ring_bell"], CHANNEL, f"{'+' if rings[0].grew else '='}{told}")


class Bell:
    """Calls its listeners for every chat that changed, in any process."""

    def __init__(self) -> None:
        """Begin with nobody listening."""
        self._listeners: dict[object, Listener] = {}
        self._waiters: dict[ChatKey, set[Waiter]] = {}

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for every change until the returned function is called."""
        ticket = object()
        self._listeners[ticket] = listener

        def unsubscribe() -> None:
            self._listeners.pop(ticket, None)

        return unsubscribe

    def announce(self, rung: Ring) -> None:
        """Ring inside this process at once; other processes hear the NOTIFY."""
        for listener in list(self._listeners.values()):
            listener(rung)
        for waiter in self._waiters.get(rung.key, ()):
            waiter.wake()

    @asynccontextmanager
    async def waiting(self, key: ChatKey) -> AsyncGenerator["Waiter"]:
        """Wait for changes of one chat: take the waiter before looking, so no ring falls between."""
        waiter = Waiter()
        waiters = self._waiters.setdefault(key, set())
        waiters.add(waiter)
        try:
            yield waiter
        finally:
            waiters.discard(waiter)
            if not waiters and self._waiters.get(key) is waiters:
                del self._waiters[key]

    async def listen(self, url: str) -> None:
        """Keep one connection to `url` listening, for ever: to PostgreSQL itself, not to a transaction pooler."""
        while True:
            try:
                await self._listen_once(url)
            except GONE + REFUSED_LOGIN as error:
                log(Event.BELL_LOST, level=logging.WARNING, reason=type(error).__name__)
            await anyio.sleep(RETRY_SECONDS)

    async def _listen_once(self, url: str) -> None:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
        ended = anyio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        try:
            await connection.add_listener(CHANNEL, self._hear)
            log(Event.BELL_CONNECTED, level=logging.DEBUG)
            while not ended.is_set():
                with anyio.move_on_after(CHECK_SECONDS):
                    await ended.wait()
                    return
                await connection.execute("select 1", timeout=CONNECT_SECONDS)
        finally:
            connection.terminate()

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        grew, keys = str(payload).startswith("+"), str(payload)[1:]
        with contextlib.suppress(ValueError):  # anybody may NOTIFY: what is no key is no ring
            for chat in batched_keys(bytes.fromhex(keys)):
                self.announce(Ring(ChatKey(chat[0], chat), grew=grew))


def batched_keys(keys: bytes) -> list[bytes]:
    """Cut what a bell says into the keys of chats; a rest that is none is left out."""
    ends = range(KEY_BYTES, len(keys) + 1, KEY_BYTES)
    return [keys[end - KEY_BYTES : end] for end in ends]


class Waiter:
    """Sleeps until it is woken, or for a while."""

    def __init__(self) -> None:
        """Begin asleep."""
        self._event = anyio.Event()

    def wake(self) -> None:
        """End the sleep, or the next one if nobody sleeps."""
        self._event.set()

    async def sleep(self, seconds: float) -> None:
        """Sleep until woken, at most `seconds`."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event = anyio.Event()
