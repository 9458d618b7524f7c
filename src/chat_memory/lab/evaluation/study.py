"""What suites stand on: a folder of sets, the half that is measured, and the product composed as it is in service."""

import hashlib
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from chat_memory.lab.databases import own_database
from chat_memory.lab.errors import MissingSetError
from chat_memory.models import Caller
from chat_memory.prompts.summarizer import Summarizer
from chat_memory.server.app import background, open_toolbox
from chat_memory.settings import Settings
from chat_memory.storage.bell import Bell
from chat_memory.tools.toolbox import Toolbox

Half: TypeAlias = Literal["odd", "even", "all"]
"""What is measured of every set: tuned on even, reported on odd."""
Case = TypeVar("Case")

KIND = "eval"
"""What databases of suites are named after."""
CALLER = Caller(KIND)
"""Whose chats these are."""


def half_of(case_id: str) -> Literal["odd", "even"]:
    """Tell which half a dialogue, chat or text is in: by the last bit of sha256 over its id, UTF-8."""
    return "odd" if hashlib.sha256(case_id.encode()).digest()[-1] & 1 else "even"


def tell_nobody(_words: str, _done: int, _total: int) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True)
class Study:
    """A folder of sets, a server whose role may create databases, and how much to measure.

    `limit` is the most cases of each set, for a quick look. `report` hears what is measured, how many cases are done
    and of how many; with none of none it hears a word to the reader. Settings are the defaults, so that figures do not
    depend on whose machine this is, but for the model's key and prices. The suite `model` spends at most `budget_usd`,
    and keeps answers in the folder `answers`.
    """

    data_dir: Path
    server_url: str
    half: Half = "odd"
    limit: int | None = None
    settings: Settings = field(default_factory=Settings)
    budget_usd: float = 1.0
    answers: Path | None = None
    report: Callable[[str, int, int], None] = tell_nobody

    def find(self, name: str) -> Path | None:
        """Return the folder of a set that may be missing."""
        folder = self.data_dir / name
        return folder if folder.is_dir() else None

    def folder(self, name: str) -> Path:
        """Return the folder of a set a suite cannot do without.

        Raises:
            MissingSetError: it is not there.
        """
        folder = self.find(name)
        if folder is None:
            raise MissingSetError(name=name, data_dir=self.data_dir)
        return folder

    def choose(self, cases: Iterable[Case], identify: Callable[[Case], str]) -> list[Case]:
        """Return the cases of this study's half, in their order, at most `limit` of them."""
        chosen = [case for case in cases if self.half in ("all", half_of(identify(case)))]
        return chosen[: self.limit]

    def each(self, cases: Sequence[Case], words: str) -> Iterator[Case]:
        """Go through cases, reporting before each how far that is."""
        for done, case in enumerate(cases):
            self.report(words, done, len(cases))
            yield case
        self.report(words, len(cases), len(cases))

    @asynccontextmanager
    async def open_box(self, summarizer: Summarizer | None = None, **changed: object) -> AsyncGenerator[Toolbox]:
        """Open the product on a fresh, migrated database: chats are folded by `summarize`, or where a write waits.

        `changed` are settings; a `summarizer` that is given folds in place of extraction, without a fallback.
        """
        async with own_database(self.server_url, KIND) as url:
            ours = {"database_url": url, "owner": KIND, "worker": False, "summarizer": "extractive"}
            settings = self.settings.model_copy(update=ours | changed)
            async with open_toolbox(settings, Bell()) as opened:
                box = opened.box if summarizer is None else replace(opened.box, summarizer=summarizer, fallback=None)
                async with background(box):
                    yield box
