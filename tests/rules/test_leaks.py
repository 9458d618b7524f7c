"""Nothing of the evaluation's sets stands in our files: what is tuned must not know what it is measured on."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

from tests.rules.tree import ROOT


def load() -> ModuleType:
    """Return scripts/find_leaks.py as a module."""
    spec = importlib.util.spec_from_file_location("find_leaks", ROOT / "scripts" / "find_leaks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


LEAKS = load()
PLANTED = """SLOTS = ["llama_stable_name"]
PLACE = "Quiet Otter Bistro"
# I would like a stable for nine llamas near the otters.
"""
SCHEMA = [
    {"service_name": "Llamas_1", "slots": [{"name": "llama_stable_name", "possible_values": ["Quiet Otter Bistro"]}]}
]
SAID = {"turns": [{"utterance": "Well, I would like a stable for nine llamas, near the otters."}]}


def plant(root: Path, data_dir: Path) -> None:
    """Write a file of ours and a set that share a name, a value and a sentence."""
    (root / "src").mkdir(parents=True)
    (root / "src" / "planted.py").write_text(PLANTED)
    (data_dir / "llamas").mkdir(parents=True)
    (data_dir / "llamas" / "schema.json").write_text(json.dumps(SCHEMA))
    (data_dir / "llamas" / "dev.jsonl").write_text(json.dumps(SAID) + "\n")


def test_no_name_or_value_of_a_set_stands_in_our_files() -> None:
    """By their hashes: tests do not read the sets. `scripts/test-leaks FOLDER` looks for sentences too."""
    hashed = (ROOT / LEAKS.HASHED).read_text().split()
    assert len(hashed) > 1000
    assert LEAKS.find_hashed(LEAKS.read_ours(ROOT, LEAKS.NAME_WORDS), hashed) == []


def test_a_planted_one_is_found_with_its_place(tmp_path: Path) -> None:
    """Fails when names written with humps or underscores are other names, or sentences are not looked for."""
    plant(tmp_path / "ours", tmp_path / "sets")
    found = LEAKS.find_leaks(tmp_path / "ours", tmp_path / "sets")
    assert {leak.partition(":")[2] for leak in found if "py:3" not in leak} == {
        "1: llama stable name",
        "2: quiet otter bistro",
    }
    assert any(leak.endswith("i would like a stable for nine llamas") for leak in found)
    hashed = [LEAKS.digest(name) for name in LEAKS.read_names(tmp_path / "sets")]
    assert len(LEAKS.find_hashed(LEAKS.read_ours(tmp_path / "ours", LEAKS.NAME_WORDS), hashed)) == 2
