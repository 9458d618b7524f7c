"""SQL as first-class files: each query has a name and a line of why."""

import re
from dataclasses import dataclass
from importlib.resources import files

NAME = re.compile(r"^-- name: (?P<name>[a-z_]+)\n(?P<why>(?:-- .+\n)+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement of one `.sql` file."""

    name: str
    why: str
    sql: str


def load_queries(table: str) -> dict[str, Query]:
    """Read `<table>.sql` from this room: its queries by name.

    Raises:
        ValueError: a query has no line of why, or two share a name.
    """
    text = (files("chat_memory.storage") / f"{table}.sql").read_text(encoding="utf-8")
    marks = list(NAME.finditer(text))
    if len(marks) != text.count("-- name:"):
        raise ValueError(f"{table}.sql has a query without a name or a line of why")
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    queries = {
        mark["name"]: Query(mark["name"], mark["why"].replace("-- ", "").strip(), text[mark.end() : end].strip())
        for mark, end in zip(marks, ends, strict=True)
    }
    if len(queries) != len(marks):
        raise ValueError(f"{table}.sql has two queries of one name")
    return queries
