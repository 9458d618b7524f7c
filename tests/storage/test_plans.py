"""Hot queries stay on their indexes: explained with 100,000 finished and 100 due chats."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest

from chat_memory.storage.database import Database, Session, open_database
from chat_memory.storage.queries import load_queries
from tests.chats import LEASE, key_of
from tests.conftest import drop, run_on, with_database

ZERO = timedelta()
KEY = tuple(key_of("explained"))
TOKEN = uuid4()
LEASES = (KEY[0], [KEY[1]], [TOKEN])
HOT: dict[str, tuple[object, ...]] = {
    "chat_work.lock_chat": KEY,
    "chat_work.open_chat": (*KEY, b"owner"),
    "chat_work.find_due_buckets": (ZERO, 16),
    "chat_work.claim_chats": (7, 50, TOKEN, LEASE, ZERO),
    "chat_work.claim_chat": (*KEY, TOKEN, LEASE, ZERO),
    "chat_work.hasten_chat": (*KEY, ZERO),
    "chat_work.renew_leases": (*LEASES, LEASE, ZERO),
    "startings.read_starting": (KEY[0], [KEY[1]], [0], 1000),
    "folds.store_drafts": (*LEASES, ["{}"], [1]),
    "folds.write_unchanged": (
        *LEASES,
        *([value] for value in ("[]", "[]", "", 0, 1, False, 1, 1, "{}", "{}", "test", "", 0, 0, 0, 0.0, False, "")),
        *(ZERO, "channel"),
    ),
    "folds.hold_leases": LEASES,
    "folds.read_numbers": LEASES[:2],
    "folds.write_memories": (KEY[0], [KEY[1]], ["[]"], ["[]"], [""], [0], [1], [False], ZERO),
    "folds.finish_folds": (*LEASES, [1], [False], ZERO, "channel"),
    "chat_work.defer_fold": (*KEY, TOKEN, ZERO, ZERO),
    "chat_work.hand_back_leases": (*LEASES, ZERO),
    "chat_work.hand_back_claims": (7, TOKEN, ZERO),
    "chat_work.record_failure": (*KEY, TOKEN, "error", LEASE, 5, ZERO),
    "chat_work.read_cursor": KEY,
    "chat_work.count_work": (),
    "turns.find_call": (*KEY, TOKEN),
    "turns.read_turns": (*KEY, [1, 2]),
    "turns.read_history": (*KEY, 1000, 20, 1000),
    "ledger.append_calls": (
        *([value] for value in (*KEY, b"owner", "alice", "explained", 1, 1, 1, "user", True, "hello", TOKEN, "test")),
        *([value] for value in (1, "key", b"hash", 1, 1)),
        *(ZERO, ZERO, ZERO, "channel"),
    ),
    "ledger.lock_calls": tuple([value] for value in KEY),
    "ledger.find_receipts": ([1], *([value] for value in KEY), ["key"], ZERO),
    "receipts.expire_receipts": (7, LEASE, ZERO),
    "tasks.keep_task": (*KEY, TOKEN, "summarize", 1, 1, ZERO, None),
    "tasks.find_task": (*KEY, TOKEN, b"owner", LEASE, ZERO),
    "tasks.end_task": (*KEY, TOKEN, "failed", b"owner", ZERO),
    "tasks.expire_tasks": (7, LEASE, ZERO),
    "tasks.delete_tasks": KEY,
    "chat_metadata.read_memory": KEY,
    "snapshots.read_snapshots": (*([value] for value in (*KEY, 1000)), ZERO, 300, 200, [True], 4000, 1000, 1000),
    "conversations.list_latest_chats": ("alice", 10, ZERO),
    "memory_versions.read_versions": KEY,
    "memory_versions.list_versions": (*KEY, 0, 2**31 - 1, 200, 1000),
    "memory_versions.read_past": (*KEY, 1),
    "memory_versions.read_between": (*KEY, 1, 0, 1000, 1000),
    "folds.plan_refolds": (KEY[0], [KEY[1]], ZERO, ZERO),
    "refolds.find_refold_buckets": (ZERO, 1),
    "refolds.claim_refolds": (7, 4, TOKEN, LEASE, ZERO, 6),
    "refolds.hand_back_refolds": (7, TOKEN, ZERO),
    "refolds.find_provisional": KEY,
    "refolds.store_refold_draft": (*KEY, TOKEN, "{}"),
    "refolds.find_remaining": KEY,
    "refolds.finish_refold": (*KEY, TOKEN, None, ZERO),
    "refolds.hand_back_refold": (*KEY, TOKEN, ZERO),
    "refolds.fail_refold": (*KEY, TOKEN, ZERO, ZERO),
    "refolds.find_stale_buckets": (),
    "refolds.redrive_refolds": (7, None, 500, ZERO),
    "revisions.find_revision": (*KEY, TOKEN),
    "revisions.find_heirs": (*KEY, ["f1.1"]),
    "revisions.write_revision": (*KEY, 2, 1, "{}", "{}", "verdict", TOKEN, "[]", "[]", "", "[]", 0, ZERO, False),
    "failures.list_failures": (50,),
    "failures.find_failed_buckets": (),
    "failures.redrive_chats": (7, None, 500, ZERO),
}
FILL = """
insert into chat_memory.chat_work (bucket, chat, head_seq, done_seq, due_at, pending_since, owner_hash)
select get_byte(chat, 0), chat, 1, case when n <= 100 then 0 else 1 end, case when n <= 100 then now() end,
    case when n <= 100 then now() end, 'owner'
from (select n, substr(sha256(n::text::bytea), 1, 16) as chat from generate_series(1, 100100) as n) as chats;
update chat_memory.chat_work
set refold_from = 1, refold_due_at = case when get_byte(chat, 2) = 0 then now() end
where done_seq = 1 and get_byte(chat, 1) = 0;
insert into chat_memory.conversations (bucket, chat, owner, chat_id, birth, created_at)
select bucket, chat, case when get_byte(chat, 1) = 0 then 'alice' else 'owner ' || get_byte(chat, 1) end,
    encode(chat, 'hex'), gen_random_uuid(), now()
from chat_memory.chat_work;
insert into chat_memory.turns (bucket, chat, seq, role, attested, content, call_id, trigger_source, created_at)
select bucket, chat, 1, 'user', true, 'hello', gen_random_uuid(), 'test', now() from chat_memory.chat_work;
insert into chat_memory.receipts (bucket, chat, idempotency_key, request_hash, first_seq, last_seq, created_at)
select bucket, chat, 'key', 'hash', 1, 1, now() from chat_memory.chat_work;
insert into chat_memory.tasks (bucket, chat, task_id, tool, first_seq, last_seq, created_at)
select bucket, chat, gen_random_uuid(), 'summarize', 1, 1, now() from chat_memory.chat_work;
insert into chat_memory.chat_metadata (bucket, chat, user_confirmed, llm_inferred, general_summary, token_count,
    version, degraded, created_at, updated_at)
select bucket, chat, '[]', '[]', 'hello', 1, 1, false, now(), now() from chat_memory.chat_work where done_seq = 1;
insert into chat_memory.memory_versions (bucket, chat, version, from_seq, covers_seq, delta, memory, summarizer, model,
    tokens_in, tokens_out, created_at)
select bucket, chat, 1, 1, 1, '{}', '{}', 'test', '', 0, 0, now() from chat_memory.chat_work where done_seq = 1;
"""


@pytest.fixture(scope="module")
async def explained(server_url: str, template: str) -> dict[str, str]:
    """The plan of every hot query on a full database."""
    name = f"{template}_full"
    await run_on(server_url, f"create database {name} template {template}")
    try:
        async with open_database(with_database(server_url, name), pool_size=1) as db, db.session() as session:
            await session.connection.execute(FILL)
            await session.connection.execute("analyze")
            return {name: await explain(session, name) for name in HOT}
    finally:
        await drop(server_url, name)


async def explain(session: Session, name: str) -> str:
    table, _, query = name.partition(".")
    rows = await session.connection.fetch(f"explain {load_queries(table)[query].sql}", *HOT[name])
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("name", HOT)
async def test_a_hot_query_never_scans_a_table(explained: dict[str, str], name: str) -> None:
    """Dropping an index, or a predicate that no longer matches one, fails here."""
    assert not re.search(r"Seq Scan on (?!pg_)\w+", explained[name]), explained[name]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("chat_work.find_due_buckets", "chat_work_due"),
        ("chat_work.claim_chats", "chat_work_due"),
        ("folds.write_unchanged", "chat_work_pkey"),
        ("folds.hold_leases", "chat_work_pkey"),
        ("startings.read_starting", "turns_pkey"),
        ("startings.read_starting", "chat_metadata_pkey"),
        ("turns.read_history", "turns_pkey"),
        ("receipts.expire_receipts", "receipts_age"),
        ("tasks.find_task", "tasks_pkey"),
        ("tasks.end_task", "tasks_pkey"),
        ("tasks.expire_tasks", "tasks_age"),
        ("tasks.delete_tasks", "tasks_pkey"),
        ("conversations.list_latest_chats", "conversations_owner"),
        ("snapshots.read_snapshots", "chat_metadata_pkey"),
        ("snapshots.read_snapshots", "turns_pkey"),
        ("refolds.find_refold_buckets", "chat_work_refold"),
        ("refolds.claim_refolds", "chat_work_refold"),
        ("refolds.find_stale_buckets", "chat_work_stale"),
        ("refolds.redrive_refolds", "chat_work_stale"),
        ("memory_versions.list_versions", "memory_versions_pkey"),
        ("memory_versions.read_past", "memory_versions_pkey"),
        ("memory_versions.read_between", "memory_versions_pkey"),
        ("refolds.find_provisional", "memory_versions"),
        ("failures.list_failures", "chat_work_failed"),
        ("failures.redrive_chats", "chat_work_failed"),
    ],
)
async def test_a_hot_query_uses_its_index(explained: dict[str, str], name: str, index: str) -> None:
    assert index in explained[name], explained[name]


async def test_the_check_would_see_a_scan(db: Database) -> None:
    """A plan without an index is what the search above finds."""
    async with db.session() as session:
        rows = await session.connection.fetch("explain select * from chat_memory.turns where content = 'x'")
    assert re.search(r"Seq Scan on (?!pg_)\w+", "\n".join(row[0] for row in rows))
