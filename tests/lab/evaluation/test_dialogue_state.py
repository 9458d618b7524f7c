"""The suite dialogue_state, on a set of one dialogue."""

import json
from pathlib import Path

from chat_memory.lab.evaluation.dialogue_state import measure
from chat_memory.lab.evaluation.study import Study
from tests.lab.evaluation.loaders.test_multiwoz import LOG
from tests.lab.evaluation.loaders.test_sgd import DIALOGUE


async def test_a_dialogue_is_appended_folded_read_and_scored(server_url: str, tmp_path: Path) -> None:
    """Fails when an exchange is not folded, or a figure is not told."""
    for folder, name, content in (
        ("sgd", "dev.jsonl", DIALOGUE),
        ("sgd", "test.jsonl", DIALOGUE),
        ("multiwoz21", "val.json", {"A1": {"log": LOG}}),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(json.dumps(content))
    finding = await measure(Study(tmp_path, server_url, "all"))
    told = finding.tell()
    assert finding.cases == {"sgd": 1, "multiwoz": 1, "sgd_test": 1}
    assert (len(finding.folds), finding.checks.over_cap) == (6, 0)
    assert finding.checks.verified == finding.checks.facts > 0
    assert told["sgd.recall"] == told["sgd.precision"] == 1
    assert told["sgd.stale"] == told["sgd.false_confirmation"] == told["sgd.false_replaced"] == 0
    assert told["sgd_test.recall"] == 1
    assert {key for key in told if key.startswith("multiwoz.")} == {
        f"multiwoz.{name}" for name in ("recall", "precision", "stale", "stale_restated", "false_confirmation")
    } | {f"multiwoz.false_{kind}" for kind in ("unstated", "asked", "denied", "replaced")}
