"""The bell: LISTEN/NOTIFY tells every process which chats changed. A poll stands behind it: it may be missed."""

import logging
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeAlias
from uuid import uuid4

import anyio

from chat_memory.errors import DatabaseError, DatabaseUnreachableError, SilentBellError, UnreachableBellError
from chat_memory.models import ChatKey
from chat_memory.storage.database import CONNECT_SECONDS, Connection, Database, Session, connect
from chat_memory.storage.faults import describe_url, translated
from chat_memory.storage.queries import load_queries
from chat_memory.telemetry import Event, log

QUERIES = load_queries("bell")
CHANNEL = "chat_memory"
CHECK_SECONDS = 15.0
"""How often the listening connection is asked whether it lives: a cut network cable rings no bell."""
RETRY_SECONDS = 0.5
"""Pause before listening again after the connection was lost."""
PROOF_SECONDS = 3.0
"""How long a notification to oneself may take: it takes about a millisecond, or never arrives."""
SILENT_SECONDS = 60.0
"""Pause before listening again where notifications do not arrive: until somebody acts they will not."""
WAITERS = 1_024
"""Most calls of one process that wait for a fold: each looks at its cursor with every poll and every ring."""
KEY = re.compile(r"[0-9a-f]{32}")
RINGS = re.compile(rf"[+=](?:{KEY.pattern})+")
"""How a ring is written. Anybody may notify: what reads otherwise is no ring, today's proof and tomorrow's words alike.
"""


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
        self._waiting = 0

    @property
    def is_crowded(self) -> bool:
        """Tell whether so many wait that who comes next is better told at once how far its chat is."""
        return self._waiting >= WAITERS

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
        self._waiting += 1
        try:
            yield waiter
        finally:
            self._waiting -= 1
            waiters.discard(waiter)
            if not waiters and self._waiters.get(key) is waiters:
                del self._waiters[key]

    async def listen(self, url: str, db: Database, *, silent_seconds: float = SILENT_SECONDS) -> None:
        """Keep one connection to `url` listening for what is written to `db`, for ever.

        A pooler swallows notifications without a word, so each connection first hears itself, or is given up with one
        warning and tried again after `silent_seconds`; the polls behind the bell go on meanwhile.
        """
        warned = False
        while True:
            pause = RETRY_SECONDS
            try:
                await self._listen_once(url, db)
            except SilentBellError as error:
                log(Event.BELL_SILENT, level=logging.DEBUG if warned else logging.WARNING, reason=str(error))
                warned, pause = True, silent_seconds
            except DatabaseError as error:
                log(Event.BELL_LOST, level=logging.WARNING, reason=str(error))
            await anyio.sleep(pause)

    async def prove(self, url: str, db: Database) -> None:
        """Listen at `url` just long enough to hear what is announced through `db`.

        Raises:
            SilentBellError: it is not heard.
            UnreachableBellError: nobody answers at `url`.
        """
        async with self._listening(url, db):
            pass

    async def _listen_once(self, url: str, db: Database) -> None:
        async with self._listening(url, db) as (connection, ended):
            log(Event.BELL_CONNECTED, level=logging.DEBUG)
            while not ended.is_set():
                with anyio.move_on_after(CHECK_SECONDS):
                    await ended.wait()
                    return
                await connection.execute("select 1", timeout=CONNECT_SECONDS)

    @asynccontextmanager
    async def _listening(self, url: str, db: Database) -> AsyncGenerator["tuple[Connection, anyio.Event]"]:
        """Listen, proven, for as long as the block runs; the event is set when the connection ends."""
        connection = await open_ear(url)
        ended = anyio.Event()
        proof = Proof()

        def hear(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            self._hear(str(payload), proof)

        def end(_connection: object) -> None:
            ended.set()

        connection.add_termination_listener(end)
        try:
            with translated(url):
                await connection.add_listener(CHANNEL, hear)
                await proof.wait(url, db, ended)
                yield connection, ended
        finally:
            connection.terminate()

    def _hear(self, payload: str, proof: "Proof") -> None:
        if RINGS.fullmatch(payload):
            for chat in map(bytes.fromhex, KEY.findall(payload)):
                self.announce(Ring(ChatKey(chat[0], chat), grew=payload.startswith("+")))
        elif payload == proof.payload:
            proof.heard.set()


async def open_ear(url: str) -> Connection:
    """Open a connection to listen on.

    Raises:
        UnreachableBellError: nobody answers at `url`, or refuses the login.
    """
    try:
        with translated(url):
            return await connect(url)
    except DatabaseUnreachableError as error:
        raise UnreachableBellError(where=describe_url(url), reason=error.facts["reason"]) from error


class Proof:
    """A word only this connection knows, sent the way every ring goes: heard, it proves that rings will be."""

    def __init__(self) -> None:
        """Choose the word."""
        self.payload = f"?{uuid4()}"
        self.heard = anyio.Event()

    async def wait(self, url: str, db: Database, ended: anyio.Event) -> None:
        """Send it and wait until it is heard.

        Raises:
            SilentBellError: it is not.
            ConnectionError: the connection ended meanwhile, so nothing is known.
        """
        await db.run(lambda session: session.execute(QUERIES["ring_bell"], CHANNEL, self.payload))
        with anyio.move_on_after(PROOF_SECONDS):
            await self.heard.wait()
        if ended.is_set():
            raise ConnectionError
        if not self.heard.is_set():
            raise SilentBellError(where=describe_url(db.url), listening=describe_url(url), seconds=PROOF_SECONDS)


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
