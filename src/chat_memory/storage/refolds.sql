-- name: find_refold_buckets
-- Asked by workers that found nothing else to do: which buckets hold chats the model should look at again, oldest first.
select bucket
from chat_memory.chat_work
where refold_due_at <= now() + $1::interval and due_at is null and head_seq = done_seq
group by bucket
order by min(refold_due_at)
limit $2;

-- name: claim_refolds
-- Chats without new turns only: those come first. Owners take turns. A claim counts as a try until it is handed back, so
-- that a chat that kills its workers is not tried for ever; the last try leaves no next one behind.
with waiting as materialized (
    select chat, refold_due_at, row_number() over (partition by owner_hash order by refold_due_at) as round
    from (
        select chat, refold_due_at, owner_hash
        from chat_memory.chat_work
        where bucket = $1 and refold_due_at <= now() + $5::interval and due_at is null and head_seq = done_seq
        order by refold_due_at
        limit 1000
    ) as overdue
),
due as materialized (
    select work.chat, now() + $5::interval as at
    from waiting
    join chat_memory.chat_work as work on work.bucket = $1 and work.chat = waiting.chat
    where work.refold_due_at is not null and work.due_at is null and work.head_seq = work.done_seq
    order by waiting.round, waiting.refold_due_at
    limit $2
    for update of work skip locked
)
update chat_memory.chat_work as work
set lease_token = $3,
    due_at = due.at + $4::interval,
    refold_attempts = work.refold_attempts + 1,
    refold_due_at = case when work.refold_attempts + 1 < $6 then work.refold_due_at end
from due
where work.bucket = $1 and work.chat = due.chat
returning work.bucket, work.chat, work.head_seq, work.done_seq, work.refold_draft, work.refold_attempts;

-- name: hand_back_refolds
-- The answer to a claim was lost: what it may have claimed is as it was.
with claimed as (
    select bucket, chat
    from chat_memory.chat_work
    where bucket = $1 and due_at is not null and lease_token = $2
    order by bucket, chat
    for update
)
update chat_memory.chat_work as work
set lease_token = null, due_at = case when work.head_seq > work.done_seq then clock.at end,
    refold_attempts = greatest(work.refold_attempts - 1, 0), refold_due_at = clock.at
from claimed, (select now() + $3::interval as at) as clock
where work.bucket = $1 and work.chat = claimed.chat;

-- name: find_provisional
-- The oldest version extraction made that no other replaces, and the memory before it; what was carried over has no turns
-- to look at. None: nothing is left.
select stale.version, stale.from_seq, stale.covers_seq, stale.delta, stale.memory, before.memory as before
from chat_memory.memory_versions as stale
left join chat_memory.memory_versions as before
    on before.bucket = $1 and before.chat = $2 and before.version = stale.version - 1
where stale.bucket = $1 and stale.chat = $2 and stale.degraded and stale.covers_seq > 0 and not exists (
    select from chat_memory.memory_versions as newer
    where newer.bucket = $1 and newer.chat = $2 and newer.replaces_version = stale.version
)
order by stale.version
limit 1;

-- name: store_refold_draft
-- The answer is kept before it is written: a crash from here on never pays the model again.
update chat_memory.chat_work
set refold_draft = $4::jsonb
where bucket = $1 and chat = $2 and lease_token = $3;

-- name: keep_replacement
-- A version that takes the place of another: it covers the same turns, and what the other was stays readable.
insert into chat_memory.memory_versions (
    bucket, chat, version, from_seq, covers_seq, replaces_version, delta, memory,
    summarizer, model, tokens_in, tokens_out, tokens_cached, cost_usd, degraded, created_at, counting
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, now() + $16::interval, $17);

-- name: find_remaining
-- Where the turns begin that the model has yet to look at; null when it has seen all of them.
select min(stale.from_seq) as refold_from
from chat_memory.memory_versions as stale
where stale.bucket = $1 and stale.chat = $2 and stale.degraded and stale.covers_seq > 0 and not exists (
    select from chat_memory.memory_versions as newer
    where newer.bucket = $1 and newer.chat = $2 and newer.replaces_version = stale.version
);

-- name: finish_refold
-- The cursor of folds stays where it is. Turns that came meanwhile are due at once; more to look at is due when nothing else is.
update chat_memory.chat_work as work
set lease_token = null, refold_draft = null, refold_attempts = 0,
    due_at = case when work.head_seq > work.done_seq then clock.at end,
    refold_from = $4::integer,
    refold_due_at = case when $4::integer is not null then clock.at end
from (select now() + $5::interval as at) as clock
where work.bucket = $1 and work.chat = $2 and work.lease_token = $3
returning work.head_seq;

-- name: hand_back_refold
-- Shutting down, or nobody to ask: not counted, the draft kept, any other worker may come first. New turns are due at once.
update chat_memory.chat_work as work
set lease_token = null,
    due_at = case when work.head_seq > work.done_seq then clock.at end,
    refold_attempts = greatest(work.refold_attempts - 1, 0),
    refold_due_at = clock.at
from (select now() + $4::interval as at) as clock
where work.bucket = $1 and work.chat = $2 and work.lease_token = $3
returning work.head_seq;

-- name: fail_refold
-- Another look after a back-off, or none if that was the last: the version then stays as it is. The chat's own attempts
-- and its failed_at are about its new turns, and not touched. The draft goes: it is what failed.
update chat_memory.chat_work as work
set lease_token = null, refold_draft = null,
    due_at = case when work.head_seq > work.done_seq then clock.at end,
    refold_due_at = case when work.refold_due_at is not null then clock.at + $4::interval end
from (select now() + $5::interval as at) as clock
where work.bucket = $1 and work.chat = $2 and work.lease_token = $3
returning work.refold_due_at;

-- name: find_stale_buckets
-- Which buckets hold chats the model could not look at again: each is then redriven on its own.
select distinct bucket
from chat_memory.chat_work
where refold_from is not null and refold_due_at is null
order by bucket;

-- name: redrive_refolds
-- Somebody mended what was wrong: the model may look again now. Null for the chats: every such one of the bucket, a batch
-- at a time.
with stale as (
    select bucket, chat
    from chat_memory.chat_work
    where bucket = $1 and refold_from is not null and refold_due_at is null and lease_token is null
        and ($2::bytea[] is null or chat = any($2))
    order by bucket, chat
    limit $3
    for update
)
update chat_memory.chat_work as work
set refold_attempts = 0, refold_due_at = clock.at
from stale, (select now() + $4::interval as at) as clock
where work.bucket = $1 and work.chat = stale.chat
returning work.bucket, work.chat;
