"""The suite personas, on a session of two exchanges."""

import json
from pathlib import Path

from chat_memory.lab.evaluation.finding import Share
from chat_memory.lab.evaluation.personas import measure
from chat_memory.lab.evaluation.study import Study

SAID = (
    {"text": "My dog is called Bruno.", "persona_text": "My dog is called Bruno."},
    {"text": "I paint walls.", "persona_text": "I paint houses."},
    {"text": "Ok!", "persona_text": "I collect seashells."},
    {"text": "Bye."},
)


async def test_notes_of_the_user_are_looked_for_in_the_memory(server_url: str, tmp_path: Path) -> None:
    """Fails when a note that the memory lacks counts as found, or the other speaker's notes count at all."""
    (tmp_path / "msc").mkdir()
    line = json.dumps({"dialog": SAID, "initial_data_id": "valid_1"})
    (tmp_path / "msc" / "session_1.jsonl").write_text(line)
    finding = await measure(Study(tmp_path, server_url, "all"))
    assert finding.cases == {"msc": 1}
    assert finding.samples["recall"] == {"session_1.jsonl/valid_1": Share(3, 5)}
    assert finding.checks.memories == 2


async def test_a_set_that_is_not_there_is_said_and_not_measured(server_url: str, tmp_path: Path) -> None:
    told: list[str] = []

    def hear(words: str, _done: int, _total: int) -> None:
        told.append(words)

    assert (await measure(Study(tmp_path, server_url, report=hear))).tell() == {"n": 0}
    assert told == ["there is no folder msc, so nothing is measured"]
