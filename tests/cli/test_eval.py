"""chat-memory eval: what it measures, what it refuses, and what results are read as."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from chat_memory.lab.evaluation.finding import Share
from chat_memory.lab.evaluation.results import Results, write_results
from tests.cli.conftest import Program

KEY = "dialogue_state.sgd.recall"


def write(file: Path, half: str, hits: int) -> Path:
    """Write results of one figure and of a time."""
    shares = {f"case {number}": Share(number < hits) for number in range(40)}
    numbers: dict[str, float | str] = {"machine.cpus": 2, "study.half": half, KEY: hits / 40, "fold.p50_ms": 1.5}
    write_results(file, Results(numbers, {KEY: shares}))
    return file


def test_a_run_says_what_it_did_and_leaves_only_its_figures(alone: Program, folder: Path) -> None:
    """Fails when a server outlives the run, or when a suite without a key says nothing of it."""
    (folder / "sets").mkdir()
    file = folder / "figures.json"
    done = alone.run("eval", "--suite", "model", "--data-dir", str(folder / "sets"), "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "model: no key is set (ANTHROPIC_API_KEY), so no model is asked and nothing is measured\n" in done.stdout
    assert "model done, 0 cases" in done.stdout
    assert done.stderr == ""
    figures = json.loads(file.read_text())
    assert (figures["model.n"], figures["study.half"], figures["samples"]) == (0, "odd", {})
    assert {path.name for path in folder.iterdir()} == {"sets", "figures.json"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--suite", "modal", "--data-dir", "."],
            "chat-memory: There is no suite 'modal': did you mean model? Suites: ",
        ),
        (["--suite", "dialogue_state", "--data-dir", "."], "chat-memory: There is no folder "),
        (["compare", "none.json", "none.json"], "chat-memory: none.json holds no results: No such file"),
        (["plot", "none.json", "--out", "."], "chat-memory: none.json holds no results: No such file"),
        (["table", "none.json"], "chat-memory: none.json holds no results: No such file"),
    ],
)
def test_what_cannot_be_measured_ends_with_one_line_and_code_2(alone: Program, arguments: list[str], told: str) -> None:
    """Fails without told_on_stderr: code 1 is for what went wrong, not for what was asked wrongly."""
    done = alone.run("eval", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(told)
    assert len(done.stderr.splitlines()) == 1


def test_a_set_that_is_not_whole_fails_the_run(alone: Program, folder: Path) -> None:
    """Fails when run does not check sizes: figures of one text would pass for those of the set."""
    (folder / "pii").mkdir()
    text: dict[str, object] = {"full_text": "Call me.", "spans": [], "template_id": 1}
    (folder / "pii" / "texts.json").write_text(json.dumps([text]))
    file = folder / "figures.json"
    done = alone.run("eval", "--suite", "redaction", "--half", "all", "--data-dir", str(folder), "--json", str(file))
    assert done.returncode == 2
    assert "chat-memory: redaction measured 1 cases of pii, its all half has 1500" in done.stderr
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--suite", "model"], "--data-dir"),
        (["--data-dir", "none"], "--data-dir"),
        (["--data-dir", ".", "--half", "left"], "--half"),
        (["--data-dir", ".", "--json", "none/a.json"], "--json"),
        (["--data-dir", ".", "--json", "."], "--json"),
    ],
)
def test_an_option_that_cannot_be_used_is_told_before_anything_is_measured(
    alone: Program, arguments: list[str], told: str
) -> None:
    done = alone.run("eval", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "On an embedded PostgreSQL" not in done.stdout


def test_two_results_are_compared_with_what_is_more_than_chance(alone: Program, folder: Path) -> None:
    before, after = write(folder / "before.json", "odd", 10), write(folder / "after.json", "odd", 30)
    done = alone.run("eval", "compare", str(before), str(after))
    assert done.returncode == 0, done.stderr
    recall, fold = [line.split() for line in done.stdout.splitlines() if line.startswith((KEY, "fold"))]
    assert recall[1:4] == ["0.250", "0.750", "+0.5000"]
    assert recall[-2:] == ["yes", "40"]
    assert fold[1:] == ["1.500", "1.500", "0", "-", "-", "-"]
    assert alone.run("eval", "compare", str(before), str(after)).stdout == done.stdout


def test_results_become_a_table_of_the_docs(alone: Program, folder: Path) -> None:
    odd, even = write(folder / "a.json", "odd", 10), write(folder / "b.json", "even", 30)
    done = alone.run("eval", "table", str(odd), str(even))
    assert done.stdout.splitlines() == [
        "| figure | odd | even |",
        "| --- | ---: | ---: |",
        f"| `{KEY}` | 25.0 % | 75.0 % |",
        "| `fold.p50_ms` | 1.500 | 1.500 |",
    ]
    chosen = alone.run("eval", "table", str(odd), "--keys", "*.recall", "--keys", "none")
    assert chosen.stdout.splitlines() == ["| figure | odd |", "| --- | ---: |", f"| `{KEY}` | 25.0 % |"]


@pytest.mark.needs_bench
def test_results_are_drawn_and_the_files_named(alone: Program, folder: Path) -> None:
    results = write(folder / "a.json", "odd", 10)
    done = alone.run("eval", "plot", str(results), "--out", str(folder / "pictures"))
    assert done.stdout.splitlines() == [str(folder / "pictures" / "dialogue_state.svg")]


@pytest.mark.skipif(find_spec("matplotlib") is not None, reason="it is installed here")
def test_drawing_without_matplotlib_is_told_how_to_install_it(alone: Program, folder: Path) -> None:
    done = alone.run("eval", "plot", str(write(folder / "a.json", "odd", 10)), "--out", str(folder))
    assert done.returncode == 2
    assert "pip install 'chat-memory[bench]'" in done.stderr
