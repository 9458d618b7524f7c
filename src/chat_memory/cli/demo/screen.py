"""What the watcher sees: two bars and three fields growing, then what survived."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from chat_memory.replies import Evidence, MemoryReply

SHOWN_FACTS = 6
SHOWN_LINES = 4
REDRAWS_PER_SECOND = 20


class Screen:
    """Draws while the story is told; where there is no terminal, only what stays."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        self.console = console
        self._bars = Progress(
            TextColumn("{task.description:<24}"), BarColumn(40), MofNCompleteColumn(), console=console
        )
        self._written = self._bars.add_task("written and acknowledged", total=None)
        self._folded = self._bars.add_task("folded into the memory", total=None)
        self._memory = MemoryReply(chat_id="")
        self._live = Live(console=console, refresh_per_second=REDRAWS_PER_SECOND, get_renderable=self._draw)

    @contextmanager
    def live(self) -> Generator[None]:
        """Redraw until the block ends."""
        with self._live:
            yield
        if not self.console.is_terminal:
            self.console.line()  # rich ends what it drew without one there

    def begin(self, turns: int) -> None:
        """Empty the bars for a conversation of so many turns."""
        for bar in (self._written, self._folded):
            self._bars.update(bar, completed=0, total=turns)

    def show_written(self, turns: int) -> None:
        """Count turns the server has acknowledged."""
        self._bars.advance(self._written, turns)

    def show(self, memory: MemoryReply) -> None:
        """Show what the memory says now."""
        self._memory = memory
        self._bars.update(self._folded, completed=memory.covers_seq)

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self.console.print(text, soft_wrap=True, markup=False)

    def tell_kill(self, pid: int, pending: int, attempt: int) -> None:
        """Say where the server was killed."""
        tried = "" if attempt == 1 else f" (burst {attempt}: the ones before were folded too fast)"
        self.say(f"kill -9 {pid}: the server, while acknowledged turns wait to be folded ({pending}){tried}")
        self.say("starting it again ...")

    def _draw(self) -> RenderableType:
        memory = self._memory
        fields = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, expand=True)
        for name, facts in (("user_confirmed", memory.user_confirmed), ("llm_inferred", memory.llm_inferred)):
            fields.add_column(f"{name} ({len(facts)})", ratio=1)
        lines = memory.general_summary.splitlines()
        fields.add_column(f"general_summary ({len(lines)} lines)", ratio=1)
        fields.add_row(
            list_facts(memory.user_confirmed), list_facts(memory.llm_inferred), Text("\n".join(lines[-SHOWN_LINES:]))
        )
        return Group(self._bars, fields)


def list_facts(facts: Mapping[str, str | Evidence]) -> Text:
    """Write the newest facts, one a line."""
    newest = list(facts.items())[-SHOWN_FACTS:]
    return Text("\n".join(f"{key}: {fact.value if isinstance(fact, Evidence) else fact}" for key, fact in newest))
