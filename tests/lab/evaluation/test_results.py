"""Results of an evaluation: read back as they were written."""

import json
from pathlib import Path

import pytest

from chat_memory.lab.errors import UnreadableResultsError, UnwritableResultsError
from chat_memory.lab.evaluation.finding import Share
from chat_memory.lab.evaluation.results import Results, read_results, write_results

RESULTS = Results({"study.half": "odd", "a.recall": 0.5}, {"a.recall": {"x": Share(1, 2)}})


def test_results_are_read_back_and_their_keys_are_flat(tmp_path: Path) -> None:
    """Fails when figures are nested: whoever reads them by key finds none."""
    write_results(tmp_path / "a.json", RESULTS)
    assert read_results(tmp_path / "a.json") == RESULTS
    assert json.loads((tmp_path / "a.json").read_text())["a.recall"] == 0.5


@pytest.mark.parametrize("text", ['{"samples": 1}', '{"samples": {"a": {"x": ["y", 1]}}}', '{"a": [1]}', "no JSON"])
def test_what_is_no_result_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UnreadableResultsError, match=r"a\.json holds no results: .*chat-memory eval --json FILE"):
        read_results(tmp_path / "a.json")


def test_results_that_have_no_room_are_said_to_stand_above(tmp_path: Path) -> None:
    """Without the except in write_text an hour's run would end in a traceback."""
    with pytest.raises(UnwritableResultsError, match="What was measured stands above"):
        write_results(tmp_path, RESULTS)
