"""Calibration: what a model says its answers cost teaches how it counts, within bounds, and each version says how."""

import pytest

from chat_memory.models import Caller, Delta, Fact, Memory, Message, Usage
from chat_memory.prompts.extractive import Extractive
from chat_memory.prompts.summarizer import FoldRequest, Proposal
from chat_memory.prompts.tokens import CAP_SHARE, count_facts, count_memory, facts_room
from chat_memory.settings import Settings
from chat_memory.storage import chat_metadata, memory_versions
from chat_memory.storage.bell import Bell
from chat_memory.storage.database import Database
from chat_memory.tools.calibrating import LEAST_TOKENS, SHARE, calibrate
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory
from tests.chats import OWNER, key_of
from tests.folding import write_memory
from tests.summarizers import Answering

CAP = 400
PROSE = " ".join(f"Sentence number {place} of the summary says something." for place in range(80))
FACTS = tuple(
    Fact(
        id=f"f{number}.1",
        key=f"key {number}",
        value="some words",
        basis="user_stated",
        source_seq=1,
        quote="q",
        first_version=number,
        last_version=number,
    )
    for number in range(1, 100)
)


class Billed(Answering):
    """Answers with prose, and says what it cost in tokens of its own."""

    def __init__(self, tokens_out: int, estimated_out: int = 100) -> None:
        super().__init__(lambda _: Delta(summary=PROSE))
        self.usage = Usage(tokens_out=tokens_out, estimated_out=estimated_out)

    async def fold(self, request: FoldRequest) -> Proposal:
        return Proposal((await super().fold(request)).delta, self.usage)


def asking(db: Database, tokens_out: int, estimated_out: int = 100) -> Toolbox:
    return Toolbox.on(db, Settings(memory_tokens=CAP), Bell(), Billed(tokens_out, estimated_out))


async def fold(box: Toolbox, chat_id: str = "a") -> str:
    """Fold a turn and tell how the version's tokens were counted."""
    await update_memory(box, Caller(OWNER), chat_id, [Message(role="user", content="hello")])
    await summarize(box, Caller(OWNER), chat_id)
    return (await box.db.run(lambda session: memory_versions.read_versions(session, key_of(chat_id))))[-1].counting


async def memory_of(db: Database, chat_id: str = "a") -> Memory:
    return (await db.run(lambda session: chat_metadata.read_memory(session, key_of(chat_id)))).memory


async def test_the_average_of_what_a_model_counts_is_stored_with_each_version(db: Database) -> None:
    """Without learn_factor in calibrate, or the counting in write_unchanged, every version would say fitted."""
    assert await fold(asking(db, 120)) == "fitted*1.20:test-1"
    assert await fold(asking(db, 160)) == f"fitted*{1.2 + SHARE * 0.4:.2f}:test-1"


async def test_an_answer_too_short_to_tell_teaches_nothing(db: Database) -> None:
    """Without LEAST_TOKENS the brackets of an empty delta would count as text."""
    assert await fold(asking(db, LEAST_TOKENS * 2, LEAST_TOKENS - 1)) == "fitted*1.00:test-1"
    await fold(asking(db, 150))
    assert await fold(asking(db, 1, LEAST_TOKENS - 1)) == "fitted*1.50:test-1"


async def test_each_model_counts_for_itself(box: Toolbox) -> None:
    """Without the model in the key of calibrations one model's tokens would be another's."""
    assert (await calibrate(box, "one", Usage(tokens_out=150, estimated_out=100))).factor == 1.5
    assert (await calibrate(box, "two", Usage(tokens_out=90, estimated_out=100))).factor == 0.9


@pytest.mark.parametrize(("tokens_out", "factor"), [(0, 0.5), (10**8, 2.0), (130, 1.3)])
async def test_whatever_a_model_says_the_memory_keeps_its_cap(db: Database, tokens_out: int, factor: float) -> None:
    """Without the bounds, or max(factor, 1) in the gate, a wrong usage would break the cap or empty the memory."""
    assert await fold(asking(db, tokens_out)) == f"fitted*{factor:.2f}:test-1"
    used = int(CAP * CAP_SHARE / max(factor, 1.0))
    summary_share = 0.7
    assert used * summary_share - 20 <= count_memory(await memory_of(db)) <= used


async def test_the_facts_keep_their_room_however_a_model_counts(db: Database) -> None:
    """With the factor in facts_room a memory would be full that says it is not."""
    facts = FACTS[: facts_room(CAP) // count_facts(FACTS[:1])]
    await fold(asking(db, 100))
    async with db.session() as session:
        stored = await chat_metadata.read_memory(session, key_of("a"))
        full = chat_metadata.StoredMemory(stored.version, Memory(user_confirmed=facts))
        await write_memory(session, key_of("a"), full, 1)
    await fold(asking(db, 10**8))
    assert (await memory_of(db)).user_confirmed == facts


async def test_extraction_alone_learns_nothing(db: Database) -> None:
    """Without `if not model` in calibrate the same turns would one day give another memory."""
    box = Toolbox.on(db, Settings(), Bell(), Extractive())
    assert await fold(box) == "fitted"
    async with db.session() as session:
        assert await session.connection.fetch("select * from chat_memory.calibrations") == []
