-- name: list_failures
-- Chats that wait for help, oldest first, and how many there are: read from the partial index of failed chats.
select work.bucket, work.chat, conversation.chat_id, work.owner_hash, work.head_seq, work.done_seq, work.attempts,
    work.last_error, work.failed_at, count(*) over () as total
from chat_memory.chat_work as work
join chat_memory.conversations as conversation on conversation.bucket = work.bucket and conversation.chat = work.chat
where work.failed_at is not null
order by work.failed_at, work.bucket, work.chat
limit $1;

-- name: find_failed_buckets
-- Which buckets hold failed chats: each is then redriven on its own, because no sweep spans buckets.
select distinct bucket
from chat_memory.chat_work
where failed_at is not null
order by bucket;

-- name: redrive_chats
-- Somebody mended what was wrong: due now, tried as if for the first time, the last error kept until a fold succeeds. A
-- leased chat is being tried already. Null for the chats: every failed one of the bucket, a batch at a time.
with failed as (
    select bucket, chat
    from chat_memory.chat_work
    where bucket = $1 and failed_at is not null and lease_token is null and ($2::bytea[] is null or chat = any($2))
    order by bucket, chat
    limit $3
    for update
)
update chat_memory.chat_work as work
set failed_at = null, attempts = 0, lease_expiries = 0, due_at = clock.at
from failed, (select now() + $4::interval as at) as clock
where work.bucket = $1 and work.chat = failed.chat
returning work.bucket, work.chat;
