"""Find names, values and sentences of evaluation sets in our own files. Run through scripts/test-leaks."""

import argparse
import gzip
import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
HASHED = Path("tests/rules/names_of_sets.txt")
LOOKED_THROUGH = ("src", "tests")
SUFFIXES = {".py", ".md", ".sql", ".json", ".jsonl", ".toml"}
WORD = re.compile(r"[A-Za-z]+|\d+")
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
NAME_WORDS = range(2, 6)
"""A single word is nobody's: `date` and `area` name slots, and half of the world besides."""
SENTENCE_WORDS = 8
"""So many words of a sentence in a row are that sentence."""
DIGEST_CHARACTERS = 10
ORDINARY = frozenset(
    tuple(phrase.split())
    for phrase in (
        "be somebody",
        "day after tomorrow",
        "event name",
        "first class",
        "i would like to book a table for",
        "it has begun",
        "leaving date",
        "let it go",
        "new york",
        "next friday",
        "no more",
        "not given",
        "one pm",
        "phone number",
        "pick up",
        "place name",
        "recipient name",
        "take out",
        "the city",
        "the place",
        "the story",
        "try again",
        "up down",
        "washington d c",
        "your name",
    )
)
"""What anybody says, and some set has as a name, a value or a sentence: a song, a slot, a city."""
Gram = tuple[str, ...]


def split_words(text: str) -> Gram:
    """Split a text or a name into its words: `pickUp_date` is `pick up date`."""
    return tuple(word.lower() for word in WORD.findall(HUMP.sub(" ", text)))


def list_grams(text: str, lengths: Iterable[int]) -> Iterator[Gram]:
    """List the words of a text that stand in a row, so many at a time."""
    said = split_words(text)
    for length in lengths:
        for start in range(len(said) - length + 1):
            yield said[start : start + length]


def read_ours(root: Path, lengths: Iterable[int]) -> dict[Gram, str]:
    """Read our own files: where words in a row stand, the first place of each."""
    sizes = tuple(lengths)
    found: dict[Gram, str] = {}
    for folder in LOOKED_THROUGH:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                    for gram in list_grams(line, sizes):
                        found.setdefault(gram, f"{path.relative_to(root)}:{number}")
    return found


def read_json(path: Path) -> Iterator[Any]:
    """Read the JSON values of a file of a set, plain or compressed, one or one a line."""
    if path.suffix == ".gz":
        text = gzip.decompress(path.read_bytes()).decode()
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed:
            text = packed.read(packed.namelist()[0]).decode()
    else:
        text = path.read_text("utf-8")
    if ".jsonl" in path.name:
        yield from (json.loads(line) for line in text.split("\n") if line.strip())
    else:
        yield json.loads(text)


def list_files(data_dir: Path) -> list[Path]:
    """List the files of all sets."""
    return [path for path in sorted(data_dir.rglob("*")) if {".json", ".jsonl"} & set(path.suffixes)]


def list_texts(value: object) -> Iterator[str]:
    """List every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from list_texts(item)
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from list_texts(item)


def list_names(value: object) -> Iterator[str]:
    """List the names and values of labels: of schemas, states, acts and ontologies, wherever they stand."""
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from list_names(item)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield from list_labels(key, item)
            yield from list_names(item)


def list_labels(key: str, item: object) -> Iterator[str]:
    """List what one entry of an object names: keys of states are slots, and so are those of an ontology."""
    if key in {"service_name", "service", "intent", "active_intent", "slot"} and isinstance(item, str):
        yield re.sub(r"_\d+$", "", item)
    if key in {"values", "possible_values"} or re.fullmatch(r"[a-z]+-[a-z ]+", key):
        yield from (part for text in list_texts(item) for part in text.split("|"))
    if re.fullmatch(r"[a-z]+-[a-z ]+", key):
        yield key
    if key == "slot_values":
        yield from cast("Mapping[str, object]", item)
        yield from list_texts(item)
    if key in {"slots", "intents"} and isinstance(item, list):
        described = cast("list[dict[str, object]]", item)
        yield from (str(entry["name"]) for entry in described if "name" in entry)


def read_names(data_dir: Path) -> set[Gram]:
    """Read the names and values of the sets that are distinctive: more than a word, no digits, not ordinary."""
    names = {
        split_words(name) for path in list_files(data_dir) for value in read_json(path) for name in list_names(value)
    }
    return {
        name
        for name in names - ORDINARY
        if len(name) in NAME_WORDS and not any(word.isdigit() or len(word) == 1 for word in name)
    }


def read_sentences(data_dir: Path) -> Iterator[Gram]:
    """Read every text of the sets, so many words in a row."""
    for path in list_files(data_dir):
        for value in read_json(path):
            for text in list_texts(value):
                yield from list_grams(text, [SENTENCE_WORDS])


def digest(gram: Gram) -> str:
    """Hash a name: the list of them must not be what it looks for."""
    return hashlib.sha256(" ".join(gram).encode()).hexdigest()[:DIGEST_CHARACTERS]


def find_hashed(ours: Mapping[Gram, str], hashed: Iterable[str]) -> list[str]:
    """Find what stands in our files and, hashed, in a list."""
    known = frozenset(hashed)
    return [
        f"{place}: {' '.join(gram)}" for gram, place in ours.items() if digest(gram) in known and gram not in ORDINARY
    ]


def find_leaks(root: Path, data_dir: Path) -> list[str]:
    """Find names, values and sentences of the sets in our files: place and words."""
    names = read_ours(root, NAME_WORDS)
    sentences = read_ours(root, [SENTENCE_WORDS])
    found = {f"{names[name]}: {' '.join(name)}" for name in read_names(data_dir) if name in names}
    found |= {
        f"{sentences[gram]}: {' '.join(gram)}"
        for gram in read_sentences(data_dir)
        if gram in sentences and gram not in ORDINARY
    }
    return sorted(found)


def main() -> None:
    """Look, or write the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path, help="folder of the sets")
    parser.add_argument("--write", action="store_true", help=f"write {HASHED}")
    arguments = parser.parse_args()
    if not list_files(arguments.data_dir):
        sys.exit(f"There is no set in {arguments.data_dir}.")
    if arguments.write:
        lines = sorted(digest(name) for name in read_names(arguments.data_dir))
        (ROOT / HASHED).write_text("\n".join(lines) + "\n")
        return
    leaks = find_leaks(ROOT, arguments.data_dir)
    sys.stdout.write("".join(f"{leak}\n" for leak in leaks) or "Nothing of the sets stands in our files.\n")
    sys.exit(bool(leaks))


if __name__ == "__main__":
    main()
