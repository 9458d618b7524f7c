"""A chat as it was said, page by page."""

from chat_memory.models import Caller, Message
from chat_memory.replies import HistoryReply
from chat_memory.tools.get_history import PAGE_BYTES, get_history
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory


async def write(box: Toolbox, caller: Caller, *contents: str) -> None:
    await update_memory(box, caller, "a", [Message(role="user", content=content) for content in contents])


async def test_pages_lead_back_to_the_beginning_without_holes(box: Toolbox, alice: Caller) -> None:
    await write(box, alice, *(f"turn {number}" for number in range(1, 51)))
    seen: list[int] = []
    page = await get_history(box, alice, "a", limit=7)
    while True:
        seen = [turn.seq for turn in page.turns] + seen
        if page.before is None:
            break
        page = await get_history(box, alice, "a", limit=7, before=page.before)
    assert seen == list(range(1, 51))


async def test_a_page_is_bounded_in_bytes_and_never_empty(box: Toolbox, alice: Caller) -> None:
    await write(box, alice, *("x" * PAGE_BYTES for _ in range(3)))
    page = await get_history(box, alice, "a")
    assert [turn.seq for turn in page.turns] == [3]
    assert page.before == 3


async def test_an_unknown_chat_has_no_turns(box: Toolbox, alice: Caller) -> None:
    assert await get_history(box, alice, "nobody") == HistoryReply(chat_id="nobody", turns=())
