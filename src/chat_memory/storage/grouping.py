"""Work in groups: whoever arrives while one is worked on is in the next, so that many cost little more than one."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeAlias, TypeVar

import anyio
import anyio.lowlevel

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Work: TypeAlias = Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]]


class Grouper(Generic[Item, Outcome]):
    """Hands items in groups to `work`, one group at a time, in order of arrival. Its callers lead: it has no task."""

    def __init__(
        self,
        work: "Work[Item, Outcome]",
        group_items: int,
        size_of: Callable[[Item], int] = lambda _: 1,
        group_size: int = 1_000_000,
    ) -> None:
        """Groups hold at most `group_items` items, of together `group_size` by `size_of`, or one that is larger."""
        self._work = work
        self._size_of = size_of
        self._group_items = group_items
        self._group_size = group_size
        self._waiting: deque[Place[Item, Outcome]] = deque()
        self._led = False
        self.size = 0
        """What waits, by `size_of`."""

    async def submit(self, item: Item) -> Outcome:
        """Wait until a group with this item is done, perhaps by leading it. Cancellation does not reach it."""
        place: Place[Item, Outcome] = Place(item, self._size_of(item))
        self._waiting.append(place)
        self.size += place.size
        with anyio.CancelScope(shield=True):
            if self._led:
                await place.called.wait()
            if not place.done:
                self._led = True
                await anyio.lowlevel.checkpoint()  # who came in the same moment is in the first group already
                await self._lead()
        if place.failure is not None:
            raise place.failure
        return place.outcome[0]

    async def _lead(self) -> None:
        """Work on one group, the leader's own item first in it; then whoever waits longest leads the next."""
        group = self._take()
        try:
            outcomes = await self._work([place.item for place in group])
            for place, outcome in zip(group, outcomes, strict=True):
                place.outcome.append(outcome)
        except Exception as error:  # noqa: BLE001 - raised to each of the group by submit
            for place in group:
                place.failure = error
        finally:
            for place in group:
                place.done = True
                place.called.set()
            if self._waiting:
                self._waiting[0].called.set()
            else:
                self._led = False

    def _take(self) -> "list[Place[Item, Outcome]]":
        group: list[Place[Item, Outcome]] = []
        size = 0
        while self._waiting and len(group) < self._group_items:
            size += self._waiting[0].size
            if group and size > self._group_size:
                break
            group.append(self._waiting.popleft())
        self.size -= sum(place.size for place in group)
        return group


class Groups(Generic[Item, Outcome]):
    """Hands batches in groups to `work`, those of each bucket apart: no statement of theirs spans two."""

    def __init__(self, work: "Work[Item, Outcome]", group_items: int) -> None:
        """Groups hold at most `group_items` items, or one batch that is larger."""
        self._work = work
        self._group_items = group_items
        self._buckets: dict[int, Grouper[Sequence[Item], Sequence[Outcome]]] = {}

    async def submit(self, bucket: int, items: Sequence[Item]) -> Sequence[Outcome]:
        """Wait until a group with these items is done. Cancellation does not reach it."""
        if bucket not in self._buckets:
            self._buckets[bucket] = Grouper(self._work_flat, self._group_items, len, self._group_items)
        return await self._buckets[bucket].submit(items)

    async def _work_flat(self, batches: Sequence[Sequence[Item]]) -> Sequence[Sequence[Outcome]]:
        outcomes = iter(await self._work([item for items in batches for item in items]))
        return [list(islice(outcomes, len(items))) for items in batches]


@dataclass(slots=True, eq=False)
class Place(Generic[Item, Outcome]):
    """One item on its way through a group."""

    item: Item
    size: int
    called: anyio.Event = field(default_factory=anyio.Event)
    """Set when the item is done, or when its caller leads the next group."""
    done: bool = False
    outcome: list[Outcome] = field(default_factory=list[Outcome])
    failure: Exception | None = None
