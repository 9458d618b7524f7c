"""Groups: who is in the next one, how much it holds, and what its failure is to whom."""

from collections.abc import Sequence

import anyio
import pytest

from chat_memory.storage.grouping import Grouper

LAST = 9


class Press:
    """Work that waits to be let on; notes each group."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_work = anyio.Event()

    async def print(self, items: Sequence[int]) -> list[int]:
        """Do one group."""
        self.groups.append(list(items))
        await self.may_work.wait()
        return [-item for item in items]


async def submit_all(grouper: Grouper[int, int], press: Press, items: Sequence[int]) -> dict[int, int | Exception]:
    """Submit items one by one while the first is worked on; what became of each."""
    outcomes: dict[int, int | Exception] = {}

    async def submit(item: int) -> None:
        try:
            outcomes[item] = await grouper.submit(item)
        except RuntimeError as error:
            outcomes[item] = error

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for item in items:
                group.start_soon(submit, item)
                await anyio.wait_all_tasks_blocked()
            press.may_work.set()
    return outcomes


@pytest.fixture
def press() -> Press:
    return Press()


async def test_groups_are_taken_in_the_order_of_arrival(press: Press) -> None:
    """With the latest first a caller could wait for ever behind those that came after."""
    grouper = Grouper(press.print, 3)
    outcomes = await submit_all(grouper, press, range(1, LAST))
    assert press.groups == [[1], [2, 3, 4], [5, 6, 7], [8]]
    assert outcomes == {item: -item for item in range(1, LAST)}


async def test_a_group_holds_no_more_than_its_size_or_one_that_is_larger(press: Press) -> None:
    """Without group_size one statement would carry whatever waits, however large."""
    grouper = Grouper(press.print, 100, lambda item: item, 10)
    await submit_all(grouper, press, [1, 6, 4, 5, 30, 2])
    assert press.groups == [[1], [6, 4], [5], [30], [2]]


async def test_what_waits_is_weighed_until_it_is_taken(press: Press) -> None:
    """Without taking it off again a buffer would be full for ever."""
    grouper = Grouper(press.print, 100, lambda item: item, 10)
    weights: list[int] = []
    async with anyio.create_task_group() as group:
        for item in (1, 6, 4):
            group.start_soon(grouper.submit, item)
            await anyio.wait_all_tasks_blocked()
            weights.append(grouper.size)
        press.may_work.set()
    assert weights == [0, 6, 10]
    assert grouper.size == 0


async def test_a_failure_is_told_to_the_whole_group_and_to_nobody_else() -> None:
    press = Press()

    async def work(items: Sequence[int]) -> list[int]:
        done = await press.print(items)
        if 2 in items:
            raise RuntimeError("refused")
        return done

    outcomes = await submit_all(Grouper(work, 2), press, [1, 2, 3, 4])
    assert [type(outcomes[item]) for item in (1, 2, 3, 4)] == [int, RuntimeError, RuntimeError, int]
