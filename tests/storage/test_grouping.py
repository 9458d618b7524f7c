"""Groups: many callers share one piece of work, in order, and nobody is forgotten."""

from collections.abc import Sequence
from random import Random

import anyio
import anyio.lowlevel

from chat_memory.storage.grouping import MANY_ITEMS, Grouper

PATIENCE = 20.0
"""Bound of waits, seconds: only a hang reaches it."""


def name_of(item: tuple[str, int]) -> str:
    return item[0]


class Desk:
    """Does work when it is allowed to, and remembers which groups it was given."""

    def __init__(self) -> None:
        self.groups: list[Sequence[tuple[str, int]]] = []
        self.open = anyio.Event()

    async def work(self, items: Sequence[tuple[str, int]]) -> Sequence[int]:
        self.groups.append(items)
        await self.open.wait()
        return [number for _, number in items]

    async def until_groups(self, count: int) -> None:
        with anyio.fail_after(PATIENCE):
            while len(self.groups) < count:
                await anyio.lowlevel.checkpoint()


async def test_what_comes_while_one_is_worked_on_shares_the_next() -> None:
    """With a second leader below MANY_ITEMS few callers would pay for two statements where one does."""
    desk = Desk()
    grouper = Grouper(desk.work, 500, leaders=2, name_of=name_of)
    async with anyio.create_task_group() as group:
        group.start_soon(grouper.submit, ("first", 0))
        await desk.until_groups(1)
        for number in range(1, MANY_ITEMS):
            group.start_soon(grouper.submit, (f"chat {number}", number))
        await anyio.wait_all_tasks_blocked()
        assert len(desk.groups) == 1
        desk.open.set()
    assert [len(items) for items in desk.groups] == [1, MANY_ITEMS - 1]


async def test_where_many_wait_a_second_group_is_made_ready_beside_the_first() -> None:
    """Without the second leader this process and the database would only ever wait for one another."""
    desk = Desk()
    grouper = Grouper(desk.work, 500, leaders=2, name_of=name_of)
    async with anyio.create_task_group() as group:
        group.start_soon(grouper.submit, ("first", 0))
        await desk.until_groups(1)
        for number in range(1, 3 * MANY_ITEMS):
            group.start_soon(grouper.submit, (f"chat {number}", number))
        await desk.until_groups(2)
        await anyio.wait_all_tasks_blocked()
        assert len(desk.groups) == 2
        desk.open.set()


async def test_one_chat_is_never_in_two_groups_at_once() -> None:
    """Without the names under way the second group would meet the first one's locks, and its calls go alone."""
    desk = Desk()
    grouper = Grouper(desk.work, 500, leaders=2, name_of=name_of)
    async with anyio.create_task_group() as group:
        group.start_soon(grouper.submit, ("busy", 0))
        await desk.until_groups(1)
        for number in range(1, 2 * MANY_ITEMS):
            group.start_soon(grouper.submit, ("busy" if number % 2 else f"chat {number}", number))
        await desk.until_groups(2)
        await anyio.wait_all_tasks_blocked()
        assert all(name != "busy" for name, _ in desk.groups[1])
        desk.open.set()
    ordered = [number for items in desk.groups for name, number in items if name == "busy"]
    assert ordered == sorted(ordered)


async def test_nobody_is_forgotten_whatever_comes_when() -> None:
    """Without the call to whoever waits longest, or with an empty group's leader asking again at once, it hangs."""
    random = Random(7)  # noqa: S311 - a load, not a secret
    answers: dict[int, int] = {}
    under_way: set[str] = set()

    async def work(items: Sequence[tuple[str, int]]) -> Sequence[int]:
        names = {name for name, _ in items}
        assert not names & under_way
        under_way.update(names)
        for _ in range(random.randrange(5)):
            await anyio.lowlevel.checkpoint()
        under_way.difference_update(names)
        return [number for _, number in items]

    grouper = Grouper(work, 40, leaders=2, name_of=name_of)

    async def call(number: int) -> None:
        for _ in range(random.randrange(20)):
            await anyio.lowlevel.checkpoint()
        answers[number] = await grouper.submit((f"chat {random.randrange(5)}", number))

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for number in range(3_000):
                group.start_soon(call, number)
    assert answers == {number: number for number in range(3_000)}
    assert grouper.size == 0


async def test_what_fails_is_told_to_each_of_its_group_and_the_next_group_works() -> None:
    """Without the except in _lead the first caller would hear of it and all others wait for ever."""
    calls = 0

    async def work(items: Sequence[tuple[str, int]]) -> Sequence[int]:
        nonlocal calls
        calls += 1
        await anyio.lowlevel.checkpoint()
        if calls == 1:
            raise ValueError
        return [number for _, number in items]

    grouper = Grouper(work, 500, leaders=2, name_of=name_of)
    failed: list[int] = []

    async def call(number: int) -> None:
        try:
            await grouper.submit(("chat", number))
        except ValueError:
            failed.append(number)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(call, number)
        assert await grouper.submit(("chat", 9)) == 9
    assert sorted(failed) == list(range(5))


async def test_a_group_holds_no_more_than_its_size_or_one_that_is_larger() -> None:
    """Without group_size one statement would carry whatever waits, however large."""
    desk = Desk()
    grouper = Grouper(desk.work, 100, lambda item: item[1], 10)
    weights: list[int] = []
    async with anyio.create_task_group() as group:
        for weight in (1, 6, 4, 5, 30, 2):
            group.start_soon(grouper.submit, ("chat", weight))
            await anyio.wait_all_tasks_blocked()
            weights.append(grouper.size)
        desk.open.set()
    assert [[weight for _, weight in items] for items in desk.groups] == [[1], [6, 4], [5], [30], [2]]
    assert weights == [0, 6, 10, 15, 45, 47]
    assert grouper.size == 0


async def test_a_leader_whose_own_item_failed_in_anothers_group_is_told() -> None:
    """Without the last look at `done` a leader who found nothing left would wait for ever; nothing could stop it."""

    async def fail(_: Sequence[tuple[str, int]]) -> Sequence[int]:
        raise ValueError

    grouper = Grouper(fail, 500, leaders=2, name_of=name_of)
    failed: list[int] = []

    async def call(number: int) -> None:
        try:
            await grouper.submit((f"chat {number}", number))
        except ValueError:
            failed.append(number)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for number in range(MANY_ITEMS + 8):
                group.start_soon(call, number)
    assert sorted(failed) == list(range(MANY_ITEMS + 8))
