"""Files of sets: plain and compressed."""

import gzip
import zipfile
from pathlib import Path

import pytest

from chat_memory.lab.errors import BrokenSetError
from chat_memory.lab.evaluation.loaders.files import find_files, read_json, read_json_lines

TEXT = '{"a": "x\u2028y"}\n\n{"a": 2}\n'


def test_a_file_is_read_plain_or_compressed(tmp_path: Path) -> None:
    """Fails when lines end where JSON only holds an unusual line break."""
    (tmp_path / "a.jsonl").write_text(TEXT, encoding="utf-8")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(TEXT.encode()))
    with zipfile.ZipFile(tmp_path / "a.jsonl.zip", "w") as packed:
        packed.writestr("a.jsonl", TEXT)
    for path in sorted(tmp_path.iterdir()):
        assert list(read_json_lines(path)) == [{"a": "x\u2028y"}, {"a": 2}]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.json", b"\xff", "it cannot be unpacked"),
        ("a.json.gz", b"no gzip", "Not a gzipped file"),
        ("a.json.gz", gzip.compress(b"{}", mtime=0)[:-9], "it cannot be unpacked"),
        ("a.json.zip", b"no zip", "it cannot be unpacked"),
        ("a.json", b"{", "it is not JSON"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BrokenSetError, match=rf"{name} of a set cannot be read: {problem}.*Fetch that set again"):
        read_json(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokenSetError, match="No such file"):
        read_json(tmp_path / "none.json")


def test_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        (tmp_path / f"{number}.json").touch()
    assert [path.name for path in find_files(tmp_path, "*.json")] == ["1.json", "9.json", "10.json"]
