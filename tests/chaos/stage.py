"""A stage: a database, a folder for processes, callers that write; and at the end of every scene the same questions."""

import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import anyio
import anyio.lowlevel

from tests.chaos.book import PATIENCE, Book
from tests.chaos.callers import FOLD_SHARE, KEYED_SHARE, Door, Scribe
from tests.chaos.processes import Doorway, Lasting, Mortal, Portal
from tests.chaos.verdict import judge, until_folded
from tests.sessions import ERAS

SOURCE = Path(__file__).parents[2] / "src"
SCENE_SECONDS = 600.0
"""A scene that takes longer hangs."""
NEVER_LOGGED = re.compile(
    r"^.*(?:Traceback.*(?:\n[ \t].*)*\n.*|tool_failed.*|request_failed.*|never retrieved.*)$", re.MULTILINE
)
"""Faults of ours; of a traceback all of it, since the process and its log are gone when it is read."""
"""Faults of ours, wherever they come from."""
EVENTS = {"memory_written": "folds", "lease_lost": "leases lost", "fold_handed_back": "folds handed back"}
HASTY = {
    "CHAT_MEMORY_OWNER": "chaos",
    "CHAT_MEMORY_LOG_LEVEL": "info",
    "CHAT_MEMORY_POOL_SIZE": "4",
    "CHAT_MEMORY_LEASE_SECONDS": "2",
    "CHAT_MEMORY_POLL_SECONDS": "0.2",
    "CHAT_MEMORY_BACKOFF_SECONDS": "0.05",
}
"""Settings under which a dead worker's chats are soon somebody else's."""


@dataclass(slots=True)
class Stage:
    """Where one scene is played: `url` is how we reach its database, `told` how its processes do."""

    folder: Path
    url: str
    told: Mapping[str, str]
    seed: int
    told_workers: Mapping[str, str] = field(default_factory=dict[str, str])
    """What workers are told otherwise."""
    book: Book = field(default_factory=Book)
    random: Random = field(init=False)
    mortals: list[Mortal] = field(default_factory=list[Mortal])

    def __post_init__(self) -> None:
        """Decide everything that is left to chance by the seed."""
        self.random = Random(self.seed)  # noqa: S311 - to be repeated, not to be secret

    @property
    def reached(self) -> str:
        """How its processes reach the database: through a pooler where there is one."""
        return self.told["CHAT_MEMORY_DATABASE_URL"]

    def environment(self, **settings: str) -> dict[str, str]:
        """Return what a process is told."""
        base = {"PATH": os.defpath, "PYTHONPATH": str(SOURCE), **HASTY, **self.told}
        return base | {f"CHAT_MEMORY_{name}": value for name, value in settings.items()}

    def doorway(self, name: str, **settings: str) -> Doorway:
        """Set up a server over stdio."""
        made = Doorway(name, self.folder / name, self.environment(**settings))
        self.mortals.append(made)
        return made

    def worker(self, name: str, **settings: str) -> Lasting:
        """Set up a worker."""
        made = Lasting(name, self.folder / name, self.environment(**settings) | dict(self.told_workers))
        self.mortals.append(made)
        return made

    def portal(self, name: str, **settings: str) -> Portal:
        """Set up a server over HTTP."""
        made = Portal(name, self.folder / name, self.environment(**settings))
        self.mortals.append(made)
        return made

    async def moment(self) -> None:
        """Wait for a random moment: some receipts further on, and a little later, anywhere in what comes next."""
        await self.book.progress(self.random.randrange(1, 8))
        await anyio.sleep(self.random.random() * 0.05)

    def read_logs(self) -> None:
        """Count what processes logged, and take faults of ours for what they are."""
        for mortal in self.mortals:
            log = mortal.log
            self.book.violations += [f"{mortal.name} logged: {line}" for line in NEVER_LOGGED.findall(log)]
            for event, name in EVENTS.items():
                chats = re.findall(rf"event={event}\b(?:.* chats=(\d+))?", log)
                self.book.counts[name] += sum(int(count or 1) for count in chats)
            if isinstance(mortal, Lasting):
                self.book.violations += mortal.faults


@dataclass(frozen=True, slots=True)
class Company:
    """How many of each take part; chats are few, so that they meet."""

    doorways: int = 2
    guests: int = 2
    """Callers of the one HTTP server."""
    workers: int = 1
    chats: int = 8
    keyed: float = KEYED_SHARE
    """Share of writes with an idempotency key."""
    folding: float = FOLD_SHARE
    """Share of writes after which a fold is asked for."""
    padding: int = 0
    """Characters added to every turn."""


@asynccontextmanager
async def playing(
    stage: Stage, company: Company, epilogue: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint, **settings: str
) -> AsyncGenerator[None]:
    """Let callers write while the block breaks things; then let everything settle, play the epilogue, and judge it."""
    chats = [f"chat {number}" for number in range(company.chats)]
    eras = [*ERAS] * (company.doorways + company.guests)
    # Every second server folds too; the others leave it to the workers.
    doors = [
        stage.doorway(f"stdio-{n}", **{"WORKER": "true" if n % 2 else "false", **settings})
        for n in range(company.doorways)
    ]
    portal = stage.portal("http", **settings) if company.guests else None
    entries: list[Door] = [*doors, *([portal] * company.guests if portal else [])]
    workers = [stage.worker(f"worker-{number}", **settings) for number in range(company.workers)]
    with anyio.fail_after(SCENE_SECONDS):
        async with anyio.create_task_group() as backstage:
            for lasting in (*workers, *([portal] if portal else [])):
                backstage.start_soon(lasting.live)
            async with anyio.create_task_group() as callers:
                for number, door in enumerate(entries):
                    scribe = Scribe(f"caller {number}", stage.book, door, chats, stage.random.randrange(2**32))
                    scribe.keyed, scribe.folding, scribe.padding = company.keyed, company.folding, company.padding
                    callers.start_soon(scribe.run, eras[number])
                yield
                stage.book.closing = True
            await until_folded(stage.url, stage.book)
            await epilogue()
            backstage.cancel_scope.cancel()
    await conclude(stage)


async def conclude(stage: Stage) -> None:
    """Judge the database and read the logs."""
    with anyio.fail_after(PATIENCE):
        await judge(stage.url, stage.book)
    stage.read_logs()
