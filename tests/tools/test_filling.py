"""Filling: exact by our counter, whatever is in the memory, and using the room there is."""

import json
from uuid import uuid4

import pytest

from chat_memory.models import Basis, Fact, Memory, Origin
from chat_memory.prompts.tokens import count_tokens
from chat_memory.replies import MemoryReply
from chat_memory.storage.chat_metadata import StoredMemory
from chat_memory.storage.snapshots import CutTurn, Snapshot
from chat_memory.tools.fence import count_reply, fence, structure
from chat_memory.tools.filling import fill_reply
from chat_memory.tools.recall import Recollection
from tests.prompts.said import dice

TEXTS = (
    *(
        "plain words",
        "<b>",
        "</chat_memory>",
        '"',
        "\\",
        "\x01",
        "東京",
        "🧠",
        "Köln",
        "9,500.00",
        "a_b",
        "\n",
        "—",
        "مرحبا",
    ),
    *("\u202e", "\u200b", "\U000e0041\U000e0042"),  # what shows nothing is escaped too
)
BIG = 2**31 - 1


def read_as_text(reply: MemoryReply) -> int:
    """Count what a model reads that is shown the text."""
    return count_tokens(fence(reply))


def read_as_data(reply: MemoryReply) -> int:
    """Count what a model reads that is shown the structured content."""
    return count_tokens(json.dumps(structure(reply), ensure_ascii=False, separators=(",", ":")))


def random_snapshot(seed: int) -> Snapshot:
    """A chat with anything in it: any characters, any sizes, any numbers."""
    chance = dice(seed)

    def text(longest: int) -> str:
        return " ".join(chance.choices(TEXTS, k=chance.randrange(1, longest)))

    def fact(number: int, basis: Basis) -> Fact:
        return Fact(
            id=f"f{number}.1",
            key=text(4) + chance.choice(["", str(number)]),
            value=text(20),
            basis=basis,
            source_seq=number,
            quote=text(20),
            first_version=number,
            last_version=chance.randrange(number, 100),
            origin=Origin(chat_id=text(8), seq=number) if basis == "user_stated" and chance.random() < 0.3 else None,
        )

    contents = [text(60) for _ in range(chance.choice((0, 1, 5, 50)))]
    done = BIG - len(contents)
    pending = [
        CutTurn(done + place, chance.choice(("user", "tool")), attested=False, content=content, characters=BIG)
        for place, content in enumerate(contents, 1)
    ]
    memory = Memory(
        user_confirmed=tuple(fact(number, "user_stated") for number in range(1, chance.choice((1, 10, 90)))),
        llm_inferred=tuple(fact(number, "inferred") for number in range(1, chance.choice((1, 10, 30)))),
        general_summary="\n".join(text(12) for _ in range(chance.choice((0, 1, 40)))),
    )
    stored = StoredMemory(chance.choice((1, 99_999)), memory, degraded=chance.random() < 0.5)
    return Snapshot("o", uuid4(), BIG, done, failed=False, lag_ms=10**12, stored=stored, token_count=1, pending=pending)


def random_recollection(seed: int) -> Recollection | None:
    """What a query finds in sixty folded turns."""
    chance = dice(seed)
    contents = [" ".join(chance.choices(TEXTS, k=chance.randrange(1, 60))) for _ in range(60)]
    turns = [
        CutTurn(seq, chance.choice(("user", "tool")), attested=False, content=content, characters=len(content))
        for seq, content in enumerate(contents, 1)
    ]
    return Recollection.of("plain words of Köln 東京", turns)


@pytest.mark.parametrize("seed", range(40))
def test_no_reply_passes_its_cap_in_text_or_in_data(seed: int) -> None:
    """Without the first loop in fill_reply, or with count_reply blind to the fence, one of them would be larger."""
    snapshot = random_snapshot(seed)
    chat_id = dice(seed).choice(["a", "🧠" * 128, "<" * 512, "\x01" * 512, "日本語" * 50])
    for max_tokens in (256, 300, 512, 1_024, 4_096):
        for evidence, recollection in ((False, None), (True, None), (False, random_recollection(seed))):
            reply = fill_reply(chat_id, snapshot, max_tokens, 2_000, evidence=evidence, recollection=recollection)
            assert read_as_text(reply) <= max_tokens
            assert read_as_data(reply) <= max_tokens


@pytest.mark.parametrize("max_tokens", [512, 1_024, 2_048])
def test_a_reply_that_leaves_something_out_is_nearly_full(max_tokens: int) -> None:
    """Without the second loop in fill_reply a tenth of the cap would stay empty while facts are left out."""
    facts = tuple(
        Fact(
            id=f"f{number}.1",
            key=f"key {number}",
            value="some words",
            basis="user_stated",
            source_seq=number,
            quote="q",
            first_version=1,
            last_version=number,
        )
        for number in range(1, 400)
    )
    stored = StoredMemory(1, Memory(user_confirmed=facts))
    snapshot = Snapshot("o", uuid4(), 1, 1, failed=False, lag_ms=0, stored=stored, token_count=1, pending=[])
    reply = fill_reply("a", snapshot, max_tokens, 2_000, evidence=False)
    assert reply.left_out is not None
    assert max_tokens - 40 <= count_reply(reply) <= max_tokens
