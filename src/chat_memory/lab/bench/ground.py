"""What suites stand on: a server, sizes, and the product composed as it is in service."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from chat_memory.lab.errors import DisprovedError
from chat_memory.prompts.summarizer import Summarizer
from chat_memory.server.app import background, open_toolbox
from chat_memory.settings import Settings
from chat_memory.storage.bell import Bell
from chat_memory.storage.fitness import DURABILITY, read_server_facts
from chat_memory.tools.toolbox import Toolbox

OWNER = "bench"
KIND = "bench"
"""What databases of suites are named after."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each suite does. Seconds unless named otherwise."""

    floor_seconds: float = 5.0
    floor_connections: tuple[int, ...] = (1, 8, 32)
    append_seconds: float = 5.0
    append_callers: tuple[int, ...] = (1, 10, 100, 1000)
    drain_turns: int = 20_000
    drain_chats: tuple[int, ...] = (20_000, 1_000)
    jobs: int = 20_000
    samples: int = 500
    chats: int = 10_000
    writes_per_second: int = 2_000
    reads_per_second: int = 1_000
    chats_seconds: float = 60.0
    model_seconds: float = 1.0
    rounds: int = 500


FULL = Sizes()
QUICK = Sizes(
    floor_seconds=1.0,
    append_seconds=0.2,
    drain_turns=200,
    drain_chats=(200, 20),
    jobs=200,
    samples=10,
    chats=50,
    writes_per_second=100,
    reads_per_second=50,
    chats_seconds=1.0,
    model_seconds=0.05,
    rounds=10,
)
"""Every path once, in seconds: numbers of no meaning, row counts that must be right."""


def tell_nobody(_: str) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A server whose role may create databases, and what to do on it. `report` hears what is being measured now."""

    server_url: str
    sizes: Sizes = FULL
    settings: Settings = field(default_factory=Settings)
    report: Callable[[str], None] = tell_nobody

    def settings_for(self, url: str, **changed: object) -> Settings:
        """Settings of a process on `url`: as given, but of our own owner, without a model, and safe."""
        ours = {"database_url": url, "owner": OWNER, "summarizer": "extractive", "allow_unsafe_durability": False}
        return self.settings.model_copy(update=ours | changed)


@asynccontextmanager
async def open_box(
    ground: Ground, url: str, summarizer: Summarizer, *, folding: bool, **changed: object
) -> AsyncGenerator[Toolbox]:
    """Open the product as a server process does, bell and (when `folding`) worker beside it; only who folds is ours.

    Raises:
        DisprovedError: a commit of this process may be lost after it was answered.
    """
    settings = ground.settings_for(url, worker=folding, **changed)
    async with open_toolbox(settings, Bell()) as opened:
        box = replace(opened.box, summarizer=summarizer, fallback=None)
        async with background(box):
            yield box
        facts = await read_server_facts(box.db)
        for name in DURABILITY:
            require(f"the setting {name} of a session", facts.settings[name], "on")


def require(what: str, found: object, expected: object) -> None:
    """Stop where the work a number was taken from was not done.

    Raises:
        DisprovedError: it was not.
    """
    if found != expected:
        raise DisprovedError(what=what, found=found, expected=expected)
