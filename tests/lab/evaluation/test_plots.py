"""The evaluation's pictures."""

from pathlib import Path

import pytest

from chat_memory.lab.evaluation.plots import PICTURES, plot
from chat_memory.lab.evaluation.results import Results, write_results

DRAWN = [key for _, lines in PICTURES.values() for line in lines for key in line.keys.values()]
PROMISED = {
    *(f"dialogue_state.{of}.{what}" for of in ("sgd", "multiwoz") for what in ("recall", "precision", "stale")),
    *(f"dialogue_state.{of}.false_confirmation" for of in ("sgd", "multiwoz")),
    *(
        f"long_chat.{way}.tokens_{budget}.recall"
        for way in ("plain", "query", "last_n", "random")
        for budget in (512, 1024, 2048, 4096)
    ),
}


def test_what_is_drawn_is_what_suites_promise() -> None:
    """Fails when a key is spelled otherwise than the issue has it: its bars would be missing without a word."""
    assert len(DRAWN) == len(set(DRAWN))
    assert set(DRAWN) == PROMISED


@pytest.mark.needs_bench
def test_shares_are_drawn_in_percent_with_the_half_below(tmp_path: Path) -> None:
    write_results(tmp_path / "a.json", Results({"study.half": "odd", "dialogue_state.sgd.recall": 0.585}))
    (file,) = plot(tmp_path / "a.json", tmp_path / "new")
    assert file.name == "dialogue_state.svg"
    assert ">58.5</text>" in file.read_text()
    assert ">odd half of every set</text>" in file.read_text()
