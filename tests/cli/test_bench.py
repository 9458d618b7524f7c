"""chat-memory bench: what it measures, where, and what it leaves."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from chat_memory.lab.results import Numbers
from tests.cli.conftest import Program, finish
from tests.lab.bench.test_suites import KEYS

WHOLE_RUN_SECONDS = 240.0  # for what takes half a minute
PROMISED = (
    "commit_floor.tool",
    "commit_floor.conns_{1,8,32}.per_s",
    "append.callers_{1,10,100,1000}.{per_s,p50_ms,p99_ms}",
    "drain.chats_{20000,1000}.{turns_per_s,folds_per_s}",
    "peers.{pgqueuer,procrastinate}.{enqueue_per_s,drain_per_s,pickup_p50_ms,pickup_p99_ms}",
    "visible.{p50_ms,p99_ms}",
    "chats.{admitted_share,errors,append_p99_ms,read_p50_ms,read_p99_ms,lag_p50_ms,lag_p99_ms,rss_mb}",
    "transport.{stdio,http}.{noop,get_memory,update_memory}_{p50,p99}_ms",
)
"""The keys that whoever reads results may rely on, exactly: spelled out here, where no suite makes them."""


def test_a_run_measures_on_a_server_of_its_own_and_leaves_only_its_numbers(alone: Program, folder: Path) -> None:
    """Fails without the scratch folder, or when a server outlives the run."""
    file = folder / "numbers.json"
    done = alone.run("bench", "--quick", "--suite", "visible", "--suite", "append", "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "On an embedded PostgreSQL in " in done.stdout
    assert done.stderr == ""
    numbers = json.loads(file.read_text())
    assert numbers["machine.sizes"] == "quick"
    assert [key for key in numbers if not key.startswith("machine.")][:2] == [
        "append.callers_1.per_s",
        "append.callers_1.p50_ms",
    ]
    assert "visible.p99_ms" in done.stdout
    assert list(folder.iterdir()) == [file]
    compared = alone.run("bench", "compare", str(file), str(file))
    assert compared.returncode == 0, compared.stderr
    (line,) = [line for line in compared.stdout.splitlines() if line.startswith("visible.p99_ms")]
    assert line.split()[-1] == "1.00"


async def test_a_server_of_ones_own_is_used_with_a_word_of_what_happens_there(on_database: Program) -> None:
    done = on_database.run("bench", "--quick", "--suite", "visible")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "chat_memory_bench_... of its own there and drops it" in done.stdout


def test_a_folder_that_is_named_holds_the_server(alone: Program, folder: Path) -> None:
    done = alone.run("bench", "--quick", "--suite", "visible", "--data-dir", str(folder / "disk"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"On an embedded PostgreSQL in {folder / 'disk'}" in done.stdout
    assert list(folder.iterdir()) == [folder / "disk"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--suite", "speed"], "There is no suite 'speed': did you mean "),
        (["compare", "none.json", "none.json"], "none.json holds no results: No such file or directory"),
        (["plot", "none.json", "--out", "."], "none.json holds no results: No such file or directory"),
    ],
)
def test_what_cannot_be_measured_ends_with_one_line_and_code_1(alone: Program, arguments: list[str], told: str) -> None:
    done = alone.run("bench", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"chat-memory: {told}")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(alone: Program, folder: Path) -> None:
    """Fails without the check in command.measure: ten minutes of numbers would end in a traceback."""
    done = alone.run("bench", "--quick", "--json", str(folder / "none" / "a.json"))
    assert done.returncode == 2
    assert "is no folder" in done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(find_spec("pgqueuer") is not None, reason="they are installed here")
def test_missing_peers_are_left_out_and_the_others_run(alone: Program) -> None:
    """Fails when run_all lets one suite end the others; alone it says what to install and ends with code 1."""
    done = alone.run("bench", "--quick", "--suite", "peers", "--suite", "visible")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "peers left out. " in done.stdout
    assert "pip install 'chat-memory[bench]'" in done.stdout
    assert "visible.p50_ms" in done.stdout
    done = alone.run("bench", "--quick", "--suite", "peers")
    assert done.returncode == 1
    assert done.stderr.startswith("chat-memory: pgqueuer and procrastinate to compare with: not installed. pip install")


@pytest.mark.skipif(find_spec("matplotlib") is not None, reason="it is installed here")
def test_without_matplotlib_it_is_told_what_to_install(alone: Program, folder: Path) -> None:
    results, pictures = folder / "numbers.json", folder / "pictures"
    results.write_text(json.dumps({"visible.p50_ms": 2.5}))
    done = alone.run("bench", "plot", str(results), "--out", str(pictures))
    assert done.returncode == 1
    assert done.stderr.startswith("chat-memory: matplotlib to draw with: not installed. pip install")
    assert not pictures.exists()


@pytest.mark.needs_bench
def test_one_run_gives_every_number_that_was_promised_and_they_are_drawn_and_compared(
    alone: Program, folder: Path
) -> None:
    """Fails when a suite is left out, or gives a number under another name. Each suite has counted its own rows."""
    file, pictures = folder / "numbers.json", folder / "new" / "pictures"
    done = finish(alone.start("bench", "--quick", "--json", str(file)), seconds=WHOLE_RUN_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    numbers: Numbers = json.loads(file.read_text())
    promised = {key for pattern in PROMISED for key in expand(pattern)}
    assert sorted(promised - set(numbers)) == []
    assert {key for key in numbers if not key.startswith("machine.")} == set().union(*KEYS.values())

    drawn = alone.run("bench", "plot", str(file), "--out", str(pictures))
    assert drawn.returncode == 0, drawn.stderr
    assert drawn.stdout.splitlines() == [str(pictures / "throughput.svg"), str(pictures / "latency.svg")]
    assert sorted(picture.name for picture in pictures.iterdir()) == ["latency.svg", "throughput.svg"]

    compared = alone.run("bench", "compare", str(file), str(file))
    assert compared.returncode == 0, compared.stderr
    ratios = {words[0]: words[-1] for line in compared.stdout.splitlines() if (words := line.split())}
    nonzero = [key for key, value in numbers.items() if value and isinstance(value, int | float)]
    assert {ratios[key] for key in nonzero} == {"1.00"}


def expand(pattern: str) -> set[str]:
    """Spell out the keys that a pattern with braces stands for, as a shell does."""
    before, brace, rest = pattern.partition("{")
    if not brace:
        return {pattern}
    choices, _, after = rest.partition("}")
    return {before + choice + end for choice in choices.split(",") for end in expand(after)}
