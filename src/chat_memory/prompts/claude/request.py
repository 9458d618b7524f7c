"""What the model is asked: the rules, then the memory and the new turns, as data that cannot leave its tags."""

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files

from chat_memory.models import Fact, Rejected, Turn
from chat_memory.prompts.summaries import COMPACT_SHARE
from chat_memory.prompts.summarizer import FoldRequest
from chat_memory.prompts.tokens import CAP_SHARE

WORDS = (files("chat_memory.prompts.claude") / "fold.md").read_text("utf-8")
ECHOES = (
    *re.findall(r'"summary": "([^"]+)"', WORDS),
    *(f"{key}: {value}" for key, value in re.findall(r'"key": "([^"]+)", "value": "([^"]+)"', WORDS)),
    *(f"{key}: {value}" for key, value in re.findall(r'<fact [^>]* key="([^"]+)"[^>]*>([^<]+)<', WORDS)),
)
"""The summaries and facts of the examples: an answer that repeats one has not read the chat."""
CUT_HEAD = 0.7
"""Share of a shortened turn that is kept of its beginning, the rest of its end: requests open a turn or close it."""
TOLD_REJECTIONS = 64
"""Most rejected facts the model is told of, the newest; the gate knows all of them."""
WHEN = "%A %Y-%m-%d %H:%M UTC"
"""Weekday and all: "next Friday" means nothing without it."""


def write_rules(memory_tokens: int) -> str:
    """Write the system text: the same for every fold of one configuration, so that the provider can cache it."""
    return WORDS.replace("{summary_tokens}", str(int(memory_tokens * CAP_SHARE * COMPACT_SHARE)))


def write_question(request: FoldRequest, limit_bytes: int) -> str:
    """Write one fold's memory and turns; turns that do not fit `limit_bytes` together are shortened, longest first."""
    memory = [
        f'<memory version="{request.base_version}">',
        *_write_facts("user_confirmed", request.memory.user_confirmed),
        *_write_facts("llm_inferred", request.memory.llm_inferred),
        *_write_rejected(request.memory.rejected[-TOLD_REJECTIONS:]),
        *([f"<summary>{escape(request.memory.general_summary)}</summary>"] if request.memory.general_summary else []),
        "</memory>",
    ]
    before = [] if request.question is None else [request.question]
    longest = fit_turns([len(turn.content.encode()) for turn in (*before, *request.turns)], limit_bytes)
    asked = ["<before>", *(_write_turn(turn, longest) for turn in before), "</before>"] if before else []
    turns = (_write_turn(turn, longest) for turn in request.turns)
    return "\n".join([*memory, *asked, "<turns>", *turns, "</turns>"])


def _write_facts(field: str, facts: Sequence[Fact]) -> Iterator[str]:
    for fact in facts:
        key = escape(fact.key)
        yield f'<fact id="{fact.id}" field="{field}" key="{key}" turn="{fact.source_seq}">{escape(fact.value)}</fact>'


def _write_rejected(rejected: Sequence[Rejected]) -> Iterator[str]:
    for one in rejected:
        key, value = escape(one.fact.key), escape(one.fact.value)
        yield f'<rejected key="{key}" upto_turn="{one.upto_seq}">{value}</rejected>'


def _write_turn(turn: Turn, longest: int) -> str:
    doubt = ' attested="no"' if turn.role == "user" and not turn.attested else ""
    content = escape(shorten(turn.content, longest))
    return f'<turn seq="{turn.seq}" role="{turn.role}"{doubt} at="{turn.created_at:{WHEN}}">{content}</turn>'


def fit_turns(sizes: Sequence[int], limit: int) -> int:
    """Find the size that turns are cut to so that all of them fit `limit`; short ones leave their room to long ones."""
    room, left = limit, len(sizes)
    for size in sorted(sizes):
        if size * left > room:
            return room // left
        room -= size
        left -= 1
    return max(sizes, default=0)


def shorten(text: str, limit_bytes: int) -> str:
    """Cut the middle out of a text that is over `limit_bytes` of UTF-8, and say how much is missing."""
    raw = text.encode()
    if len(raw) <= limit_bytes:
        return text
    head = raw[: int(limit_bytes * CUT_HEAD)].decode(errors="ignore")
    tail = raw[len(raw) - (limit_bytes - int(limit_bytes * CUT_HEAD)) :].decode(errors="ignore")
    return f"{head}\n[... {len(text) - len(head) - len(tail)} characters left out ...]\n{tail}"


def escape(text: str) -> str:
    """Write text so that it is never a tag."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
