"""Results: read back as they were written, refused with a reason, compared line by line."""

import json
from pathlib import Path

import pytest

from chat_memory.lab.errors import UnreadableResultsError
from chat_memory.lab.results import Line, Numbers, compare, describe_machine, read_results, write_results


async def test_results_are_read_back_as_they_were_written(server_url: str, tmp_path: Path) -> None:
    numbers: Numbers = await describe_machine(server_url) | {"append.callers_1.per_s": 1.5, "chats.errors": 0}
    write_results(tmp_path / "a.json", numbers)
    assert read_results(tmp_path / "a.json") == numbers
    assert {"machine.cpus", "machine.postgresql", "machine.python", "machine.chat_memory"} <= set(numbers)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense", "it is not JSON"),
        ("[1]", "it is not an object"),
        ('{"a": [1]}', "a is neither a number nor a text"),
        ('{"a": true}', "a is neither a number nor a text"),
        (None, "No such file or directory"),
    ],
)
def test_what_is_no_result_is_named_with_a_remedy(tmp_path: Path, text: str | None, problem: str) -> None:
    file = tmp_path / "a.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UnreadableResultsError, match=f"a.json holds no results: {problem}.*bench --json FILE"):
        read_results(file)


def test_two_results_are_compared_key_by_key() -> None:
    """Every key of either; a text only where it differs; no ratio to nothing."""
    before = json.loads('{"machine.cpu": "x", "machine.python": "3.11", "a": 2, "b": 0, "c": 1}')
    after = json.loads('{"machine.cpu": "x", "machine.python": "3.12", "a": 3, "b": 1, "d": 1}')
    assert compare(before, after) == [
        Line("machine.python", "3.11", "3.12", None),
        Line("a", 2, 3, 1.5),
        Line("b", 0, 1, None),
        Line("c", 1, None, None),
        Line("d", None, 1, None),
    ]
