"""The bucket rule, read from PostgreSQL's own catalogue and from our SQL."""

import re
from pathlib import Path

from chat_memory.storage.database import Database
from tests.storage.test_queries import ROOM, TABLES

REFERENCE_TABLES = {"api_keys", "audit_log", "calibrations", "migrations", "model_spend", "sealing_keys"}
"""Not keyed by chat."""
UNIQUE_INDEXES = """
select t.relname as table, i.relname as index, a.attname as leads
from pg_index x
join pg_class t on t.oid = x.indrelid
join pg_class i on i.oid = x.indexrelid
left join pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0]
where t.relnamespace = 'chat_memory'::regnamespace
"""


async def test_bucket_leads_every_index_of_every_chat_table(db: Database) -> None:
    """The unit of distribution: one key without it and the table cannot be distributed any more."""
    async with db.session() as session:
        rows = await session.connection.fetch(UNIQUE_INDEXES)
    indexes = [(row["table"], row["index"], row["leads"]) for row in rows if row["table"] not in REFERENCE_TABLES]
    assert len(indexes) >= 9
    assert [index for index in indexes if index[2] != "bucket"] == []


async def test_every_table_is_a_chat_table_or_named_a_reference_table(db: Database) -> None:
    async with db.session() as session:
        rows = await session.connection.fetch(
            "select c.relname, exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'bucket')"
            " from pg_class c where c.relnamespace = 'chat_memory'::regnamespace and c.relkind = 'r'"
        )
    assert {row[0] for row in rows if not row[1]} == REFERENCE_TABLES


async def test_the_statements_for_citus_name_every_table_once(db: Database) -> None:
    """A table forgotten in docs/how-to/citus.sql would stay on one node, and joins with it would fail."""
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "citus.sql").read_text()
    distributed = re.findall(r"^select create_distributed_table\('chat_memory\.(\w+)', 'bucket'", text, re.MULTILINE)
    copied = re.findall(r"^select create_reference_table\('chat_memory\.(\w+)'\)", text, re.MULTILINE)
    async with db.session() as session:
        rows = await session.connection.fetch(
            "select relname from pg_class where relnamespace = 'chat_memory'::regnamespace and relkind = 'r'"
        )
    assert sorted(distributed + copied) == sorted(row["relname"] for row in rows)
    assert set(copied) == REFERENCE_TABLES


async def test_every_constraint_has_a_name_of_ours(db: Database) -> None:
    """What PostgreSQL says in an error can be found in a migration."""
    async with db.session() as session:
        rows = await session.connection.fetch(
            "select conname, contype::text from pg_constraint"
            " where connamespace = 'chat_memory'::regnamespace and contype in ('c', 'u', 'p', 'f')"
        )
    migrations = "\n".join(path.read_text() for path in (ROOM / "migrations").iterdir() if path.is_file())
    assert len(rows) > 10
    assert [row["conname"] for row in rows if row["conname"] not in migrations] == []


def test_every_statement_on_a_chat_table_names_its_bucket() -> None:
    """Except the two that ask which buckets hold work, the bell, and those of reference tables."""
    across_buckets = {
        "find_due_buckets",
        "count_work",
        "ring_bell",
        "record_action",
        "record_spend",
        "read_spent_today",
        "keep_key",
        "learn_factor",
        "read_factor",
        "read_key",
    }
    text = "\n".join((ROOM / f"{table}.sql").read_text() for table in TABLES)
    statements = dict(re.findall(r"(?ms)^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", text))
    assert len(statements) > 25
    assert [name for name, sql in statements.items() if "bucket" not in sql and name not in across_buckets] == []


def test_now_stands_in_no_case_and_no_update_of_a_conflict() -> None:
    """Citus refuses both; the time is a column of a subselect, moved by the clock parameter."""
    for table in TABLES:
        text = (ROOM / f"{table}.sql").read_text()
        assert not re.search(r"(?s)\bcase\b(?:(?!\bend\b).)*\bnow\(\)", text), table
        assert not re.search(r"(?s)do update(?:(?!;).)*\bnow\(\)", text), table
        bare = [
            line for line in text.splitlines() if "now()" in line and not re.search(r"now\(\) \+ \$\d+::interval", line)
        ]
        assert bare == [], "time that tests cannot move"
