"""Long work runs beside the event loop, short work on it."""

import threading

import pytest

from chat_memory.prompts.pacing import THREAD_CHARACTERS, run_paced


@pytest.mark.parametrize(("characters", "beside"), [(THREAD_CHARACTERS - 1, False), (THREAD_CHARACTERS, True)])
async def test_long_work_runs_in_a_thread(characters: int, *, beside: bool) -> None:
    """Without the thread one long turn would hold up every other chat of the process."""
    ran_in = await run_paced(threading.get_ident, characters)
    assert (ran_in != threading.get_ident()) == beside
