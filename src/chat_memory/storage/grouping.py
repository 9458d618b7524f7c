"""Work in groups: whoever arrives while one is worked on is in the next, so that many cost little more than one."""

from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeAlias, TypeVar

import anyio
import anyio.lowlevel

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Work: TypeAlias = Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]]

MANY_ITEMS = 32
"""So many wait when a second group is worth its own statement: fewer are cheaper in the next one."""


class Grouper(Generic[Item, Outcome]):
    """Hands items in groups to `work`, in order of arrival. Its callers lead: it has no task.

    One group is under way at a time, or some where many wait: then one is made ready here while another is in the
    database. Items of one name are never in two.
    """

    def __init__(
        self,
        work: "Work[Item, Outcome]",
        group_items: int,
        size_of: Callable[[Item], int] = lambda _: 1,
        group_size: int = 1_000_000,
        *,
        leaders: int = 1,
        name_of: "Callable[[Item], Hashable] | None" = None,
    ) -> None:
        """Groups hold at most `group_items` items, of together `group_size` by `size_of`, or one that is larger.

        At most `leaders` of them are under way at once, where MANY_ITEMS wait.
        """
        self._work = work
        self._size_of = size_of
        self._name_of = name_of
        self._group_items = group_items
        self._group_size = group_size
        self._most_leaders = leaders
        self._waiting: deque[Place[Item, Outcome]] = deque()
        self._leaders = 0
        self._under_way: set[Hashable] = set()
        self.size = 0
        """What waits, by `size_of`."""

    async def submit(self, item: Item) -> Outcome:
        """Wait until a group with this item is done, perhaps by leading it. Cancellation does not reach it."""
        place: Place[Item, Outcome] = Place(item, self._size_of(item))
        self._waiting.append(place)
        self.size += place.size
        with anyio.CancelScope(shield=True):
            while not place.done:
                if (not self._is_leader_wanted() or not await self._lead()) and not place.done:
                    place.called = anyio.Event()
                    await place.called.wait()
        if place.failure is not None:
            raise place.failure
        return place.outcome[0]

    def _is_leader_wanted(self) -> bool:
        if not self._leaders:
            return True
        return self._leaders < self._most_leaders and len(self._waiting) >= MANY_ITEMS

    async def _lead(self) -> int:
        """Work on one group, and call whoever waits longest to lead the next; how many items it had."""
        self._leaders += 1
        await anyio.lowlevel.checkpoint()  # who came in the same moment is in the first group already
        group = self._take()
        try:
            if group:
                outcomes = await self._work([place.item for place in group])
                for place, outcome in zip(group, outcomes, strict=True):
                    place.outcome.append(outcome)
        except Exception as error:  # noqa: BLE001 - raised to each of the group by submit
            for place in group:
                place.failure = error
        finally:
            self._leaders -= 1
            self._release(group)
        return len(group)

    def _release(self, group: "Sequence[Place[Item, Outcome]]") -> None:
        """Tell a group's callers, and call the next leader; nobody, where all that waits is under way already."""
        for place in group:
            place.done = True
            place.call()
        if self._name_of:
            self._under_way.difference_update(self._name_of(place.item) for place in group)
        if self._waiting and group:
            self._waiting[0].call()

    def _take(self) -> "list[Place[Item, Outcome]]":
        """Take the next group: of what waits longest, all that is not named like something under way."""
        group: list[Place[Item, Outcome]] = []
        passed: list[Place[Item, Outcome]] = []
        size = 0
        while self._waiting and len(group) < self._group_items and len(passed) < self._group_items:
            place = self._waiting[0]
            if group and size + place.size > self._group_size:
                break
            self._waiting.popleft()
            if self._name_of and self._under_way and self._name_of(place.item) in self._under_way:
                passed.append(place)
            else:
                size += place.size
                group.append(place)
        self._waiting.extendleft(reversed(passed))
        if self._name_of:
            self._under_way.update(self._name_of(place.item) for place in group)
        self.size -= size
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
    called: anyio.Event | None = None
    """Set when the item is done, or when its caller may lead the next group."""
    done: bool = False
    outcome: list[Outcome] = field(default_factory=list[Outcome])
    failure: Exception | None = None

    def call(self) -> None:
        """Wake the caller, who looks for itself."""
        if self.called is not None:
            self.called.set()
