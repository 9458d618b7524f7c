"""The benchmark's pictures: all that was measured is in them, and nothing else."""

from pathlib import Path

import pytest

from chat_memory.lab.bench.plots import LATENCIES, PICTURES, RATES, plot
from chat_memory.lab.errors import NothingToDrawError, UnwritablePlotsError
from chat_memory.lab.pictures import fill_pictures
from chat_memory.lab.results import Numbers, write_results
from tests.lab.bench.test_suites import KEYS

DRAWN = [key for line in (*RATES, *LATENCIES) for key in line.keys.values()]
MOST_BYTES = 60_000


def write(folder: Path, numbers: Numbers) -> Path:
    """Write results as the benchmark does."""
    file = folder / "numbers.json"
    write_results(file, numbers)
    return file


def test_what_is_drawn_is_what_suites_measure() -> None:
    """Fails when a suite's key is renamed there only: its bars would be missing without a word."""
    assert len(DRAWN) == len(set(DRAWN)) == 29
    assert set(DRAWN) <= set().union(*KEYS.values())


@pytest.mark.needs_bench
def test_every_number_of_a_whole_run_stands_in_a_picture(tmp_path: Path) -> None:
    numbers: Numbers = {key: float(100 + place) for place, key in enumerate(DRAWN)}
    about: Numbers = {"machine.cpus": 2, "machine.cpu": "A Processor", "machine.postgresql": "18.4"}
    files = plot(write(tmp_path, about | numbers), tmp_path / "new" / "pictures")
    assert [file.name for file in files] == ["throughput.svg", "latency.svg"]
    drawings = [file.read_text() for file in files]
    assert all("2 cores, A Processor, PostgreSQL 18.4<" in drawing for drawing in drawings)
    assert all(len(drawing) < MOST_BYTES for drawing in drawings)
    for value in numbers.values():
        assert sum(drawing.count(f">{value:.0f}</text>") for drawing in drawings) >= 1


@pytest.mark.needs_bench
def test_a_run_of_few_suites_draws_what_it_has(tmp_path: Path) -> None:
    """Fails when a key that is missing is an error, or a bar of length nothing."""
    numbers: Numbers = {"machine.sizes": "quick", "visible.p50_ms": 3.25, "chats.errors": 0}
    (file,) = plot(write(tmp_path, numbers), tmp_path)
    assert file.name == "latency.svg"
    drawing = file.read_text()
    assert ">a turn is in the memory</text>" in drawing
    assert ">3.25</text>" in drawing
    assert ">small sizes: measures nothing</text>" in drawing
    assert "pgqueuer" not in drawing
    assert "p99" not in drawing


def test_what_no_bar_can_show_is_left_out() -> None:
    numbers: Numbers = {
        **{
            f"append.callers_{callers}.per_s": value
            for callers, value in ((1, float("nan")), (10, "fast"), (100, -1.0))
        },
        "append.callers_1000.per_s": 7,
    }
    (bars,) = fill_pictures(PICTURES, numbers, "").values()
    assert [entry.label for group in bars.groups for entry in group.entries] == ["1,000 callers"]


def test_results_without_a_bar_are_told_what_to_measure(tmp_path: Path) -> None:
    with pytest.raises(NothingToDrawError, match=r"numbers\.json holds nothing that is drawn\. Measure at least one"):
        plot(write(tmp_path, {"chats.errors": 0}), tmp_path / "pictures")
    assert not (tmp_path / "pictures").exists()


@pytest.mark.needs_bench
def test_a_folder_that_cannot_be_made_is_told_with_a_remedy(tmp_path: Path) -> None:
    file = write(tmp_path, {"visible.p50_ms": 3.25})
    with pytest.raises(UnwritablePlotsError, match=r"cannot be written into .*: .*\. Name another folder with --out\."):
        plot(file, file)
