"""Suites: chosen by name, ended by an error as by itself."""

import anyio
import pytest

from chat_memory.errors import ChatBusyError
from chat_memory.lab.errors import UnknownSuiteError
from chat_memory.lab.suites import choose, run_or_stop

KNOWN = ("commit_floor", "append", "drain")


async def test_an_error_leaves_the_task_groups_of_a_suite_as_it_was() -> None:
    """Fails without unwrap: the program would end with a traceback of groups."""

    async def measure() -> None:
        async with anyio.create_task_group(), anyio.create_task_group():
            raise ChatBusyError
        raise AssertionError

    with pytest.raises(ChatBusyError):
        await run_or_stop(measure)


def test_suites_run_in_their_own_order_and_an_unknown_one_is_named() -> None:
    assert choose([], KNOWN) == list(KNOWN)
    assert choose(["drain", "append"], KNOWN) == ["append", "drain"]
    with pytest.raises(UnknownSuiteError, match=r"no suite 'drian': did you mean drain\? Suites: commit_floor, append"):
        choose(["append", "drian"], KNOWN)
