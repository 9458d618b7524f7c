-- name: store_drafts
-- Answers are kept before they are written: a crash from here on never pays a model again. In key order, like everything
-- that locks several chats; whose token is not ours any more does not come back.
with held as materialized (
    select given.chat, given.token, given.draft, given.upto_seq
    from unnest((select $2::bytea[]), (select $3::uuid[]), (select $4::jsonb[]), (select $5::integer[])) with ordinality
        as given (chat, token, draft, upto_seq, place)
    cross join lateral (
        select work.chat
        from chat_memory.chat_work as work
        where work.bucket = $1 and work.chat = given.chat and work.lease_token = given.token
        for update
    ) as locked
)
update chat_memory.chat_work as work
set draft = held.draft, draft_seq = held.upto_seq
from held
where work.bucket = $1 and work.chat = held.chat and work.lease_token = held.token
returning work.chat, work.lease_token;

-- name: write_unchanged
-- A whole write of folds in one statement, for chats that stand as their drafts were checked: the fence locks in key
-- order, and a memory that is newer by now is not touched (the conflict clause reads the row as it is, not as the
-- statement's snapshot saw it). What does not come back was not written. The statements below do the same with a look in
-- between, for all others, and for what extraction folded in the model's place.
with given as (
    select item.*
    from unnest((select $2::bytea[]), (select $3::uuid[]), (select $4::jsonb[]), (select $5::jsonb[]), (select $6::text[]), (select $7::integer[]), (select $8::integer[]),
        (select $9::boolean[]), (select $10::integer[]), (select $11::integer[]), (select $12::jsonb[]), (select $13::jsonb[]), (select $14::text[]), (select $15::text[]),
        (select $16::integer[]), (select $17::integer[]), (select $18::integer[]), (select $19::float8[]), (select $20::boolean[]), (select $21::text[]))
        as item (chat, token, confirmed, inferred, summary, tokens, version, incomplete, from_seq, covers_seq, delta,
            memory, summarizer, model, tokens_in, tokens_out, tokens_cached, cost_usd, degraded, counting)
),
clock as materialized (
    select now() + $22::interval as at
),
held as materialized (
    select given.*, work.pending_since
    from given
    cross join lateral (
        select pending_since
        from chat_memory.chat_work
        where bucket = $1 and chat_work.chat = given.chat and lease_token = given.token
        for update
    ) as work
),
written as (
    insert into chat_memory.chat_metadata as memory (
        bucket, chat, user_confirmed, llm_inferred, general_summary, token_count, version, degraded, created_at, updated_at
    )
    select $1, held.chat, held.confirmed, held.inferred, held.summary, held.tokens, held.version, held.incomplete,
        clock.at, clock.at
    from held
    cross join clock
    on conflict (bucket, chat) do update
    set user_confirmed = excluded.user_confirmed,
        llm_inferred = excluded.llm_inferred,
        general_summary = excluded.general_summary,
        token_count = excluded.token_count,
        version = excluded.version,
        degraded = excluded.degraded,
        updated_at = excluded.updated_at
    where memory.version = excluded.version - 1
    returning chat
),
stands as materialized (
    select held.*, clock.at
    from written
    join held using (chat)
    cross join clock
),
kept as (
    insert into chat_memory.memory_versions (
        bucket, chat, version, from_seq, covers_seq, replaces_version, delta, memory,
        summarizer, model, tokens_in, tokens_out, tokens_cached, cost_usd, degraded, counting, created_at
    )
    select $1, stands.chat, stands.version, stands.from_seq, stands.covers_seq, null, stands.delta, stands.memory,
        stands.summarizer, stands.model, stands.tokens_in, stands.tokens_out, stands.tokens_cached, stands.cost_usd,
        stands.degraded, stands.counting, stands.at
    from stands
),
moved as (
    update chat_memory.chat_work as work
    set done_seq = stands.covers_seq,
        due_at = case when work.head_seq > stands.covers_seq then stands.at end,
        pending_since = case when work.head_seq > stands.covers_seq then coalesce((
            select created_at
            from chat_memory.turns
            where turns.bucket = $1 and turns.chat = stands.chat and turns.seq = stands.covers_seq + 1
        ), stands.at) end, -- a turn that was written while this statement ran is not seen by it: as old as now
        lease_token = null, draft = null, draft_seq = null,
        attempts = 0, lease_expiries = 0, last_error = null, failed_at = null
    from stands
    where work.bucket = $1 and work.chat = stands.chat
    returning work.chat, stands.token, stands.at - stands.pending_since as waited
),
rung as (
    select pg_notify($23, '=' || string_agg(encode(moved.chat, 'hex'), '')) as nothing
    from moved
    having count(*) > 0
)
select moved.chat, moved.token, moved.waited, (select count(*) from rung) as bells
from moved;

-- name: hold_leases
-- The fence: the first statement of a write that looks before it writes. A chat whose token is not ours any more does
-- not come back, and nothing of it is written.
select given.chat, given.token
from unnest((select $2::bytea[]), (select $3::uuid[])) as given (chat, token)
cross join lateral (
    select work.chat
    from chat_memory.chat_work as work
    where work.bucket = $1 and work.chat = given.chat and work.lease_token = given.token
    for update
) as held;

-- name: read_numbers
-- Which version each memory has, asked once their chats are locked: a statement that waits for a lock sees what was there
-- before it waited, and somebody's verdict would be written over.
select chat, version
from chat_memory.chat_metadata
where bucket = $1 and chat = any($2::bytea[]);

-- name: write_memories
-- The next memories take the place of the last; only the holder of the chats' locks comes here.
insert into chat_memory.chat_metadata as memory (
    bucket, chat, user_confirmed, llm_inferred, general_summary, token_count, version, degraded, created_at, updated_at
)
select $1, given.chat, given.confirmed, given.inferred, given.summary, given.tokens, given.version, given.degraded,
    clock.at, clock.at
from unnest((select $2::bytea[]), (select $3::jsonb[]), (select $4::jsonb[]), (select $5::text[]), (select $6::integer[]), (select $7::integer[]), (select $8::boolean[]))
    as given (chat, confirmed, inferred, summary, tokens, version, degraded)
cross join (select now() + $9::interval as at) as clock
on conflict (bucket, chat) do update
set user_confirmed = excluded.user_confirmed,
    llm_inferred = excluded.llm_inferred,
    general_summary = excluded.general_summary,
    token_count = excluded.token_count,
    version = excluded.version,
    degraded = excluded.degraded,
    updated_at = excluded.updated_at;

-- name: keep_versions
-- Every version is kept with what it changed: nothing leaves a memory without a trace.
insert into chat_memory.memory_versions (
    bucket, chat, version, from_seq, covers_seq, replaces_version, delta, memory,
    summarizer, model, tokens_in, tokens_out, tokens_cached, cost_usd, degraded, counting, created_at
)
select $1, given.chat, given.version, given.from_seq, given.covers_seq, null, given.delta, given.memory,
    given.summarizer, given.model, given.tokens_in, given.tokens_out, given.tokens_cached, given.cost_usd,
    given.degraded, given.counting, now() + $16::interval
from unnest((select $2::bytea[]), (select $3::integer[]), (select $4::integer[]), (select $5::integer[]), (select $6::jsonb[]), (select $7::jsonb[]), (select $8::text[]), (select $9::text[]),
    (select $10::integer[]), (select $11::integer[]), (select $12::integer[]), (select $13::float8[]), (select $14::boolean[]), (select $15::text[]))
    as given (chat, version, from_seq, covers_seq, delta, memory, summarizer, model, tokens_in, tokens_out,
        tokens_cached, cost_usd, degraded, counting);

-- name: finish_folds
-- The cursors move with the memories, in one transaction. More arrived meanwhile: due again at once. A degraded fold notes
-- where its turns begin: from there on the model has yet to look.
with finished as materialized (
    select given.chat, given.token, given.covers_seq, given.degraded, now() + $6::interval as at, work.pending_since,
        next.created_at as next_turn_at
    from unnest((select $2::bytea[]), (select $3::uuid[]), (select $4::integer[]), (select $5::boolean[])) as given (chat, token, covers_seq, degraded)
    cross join lateral (
        select pending_since, head_seq
        from chat_memory.chat_work
        where bucket = $1 and chat_work.chat = given.chat and lease_token = given.token
    ) as work
    left join lateral (
        select created_at
        from chat_memory.turns
        where turns.bucket = $1 and turns.chat = given.chat and turns.seq = given.covers_seq + 1
    ) as next on work.head_seq > given.covers_seq
),
moved as (
    update chat_memory.chat_work as work
    set done_seq = finished.covers_seq,
        due_at = case when work.head_seq > finished.covers_seq then finished.at end,
        pending_since = finished.next_turn_at,
        refold_from = coalesce(work.refold_from, case when finished.degraded then work.done_seq + 1 end),
        lease_token = null, draft = null, draft_seq = null,
        attempts = 0, lease_expiries = 0, last_error = null, failed_at = null
    from finished
    where work.bucket = $1 and work.chat = finished.chat and work.lease_token = finished.token
    returning finished.chat, finished.token, finished.at - finished.pending_since as waited
),
rung as (
    select pg_notify($7, '=' || string_agg(encode(moved.chat, 'hex'), '')) as nothing
    from moved
    having count(*) > 0
)
select moved.chat, moved.token, moved.waited, (select count(*) from rung) as bells
from moved;

-- name: plan_refolds
-- Extraction stood in for the model: these chats are due for another look once it had time to come back. Written with the
-- fold itself, under its locks.
update chat_memory.chat_work as work
set refold_due_at = coalesce(work.refold_due_at, clock.at + $3::interval), refold_attempts = 0
from (select now() + $4::interval as at) as clock
where work.bucket = $1 and work.chat = any($2::bytea[]);
