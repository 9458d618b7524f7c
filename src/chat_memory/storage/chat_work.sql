-- name: lock_chat
-- Every writer of a chat starts here: whoever holds this row writes its turns, its memory or its end.
select head_seq, done_seq, owner_hash
from chat_memory.chat_work
where bucket = $1 and chat = $2
for update;

-- name: open_chat
-- A chat begins with its first turn. Nothing to do is no error: another writer began it, or is forgetting it.
insert into chat_memory.chat_work (bucket, chat, owner_hash)
values ($1, $2, $3)
on conflict (bucket, chat) do nothing;

-- name: find_due_buckets
-- With few active chats most buckets hold nothing: ask once which do, most overdue first, then claim from those.
select bucket
from chat_memory.chat_work
where due_at <= now() + $1::interval
group by bucket
order by min(due_at)
limit $2;

-- name: claim_chats
-- A chat is claimed, not a turn: order and one summarizer call per chat. The lease, not the row lock, outlives this
-- statement; a lease that ran out is taken over and counted, a re-fold's is not. Materialized: inside a nested loop the
-- limit would be asked again for every row, and claim more than it says. Owners take turns, each with its most overdue
-- chat first, so that the many chats of one do not stand before the only one of another.
with waiting as materialized (
    select chat, due_at, row_number() over (partition by owner_hash order by due_at) as round
    from (
        select chat, due_at, owner_hash
        from chat_memory.chat_work
        where bucket = $1 and due_at <= now() + $5::interval
        order by due_at
        limit 1000
    ) as overdue
),
due as materialized (
    select work.bucket, work.chat, now() + $5::interval as at,
        (work.lease_token is not null and work.head_seq > work.done_seq)::integer as expired
    from waiting
    join chat_memory.chat_work as work on work.bucket = $1 and work.chat = waiting.chat
    where work.due_at <= now() + $5::interval
    order by waiting.round, waiting.due_at
    limit $2
    for update of work skip locked
)
update chat_memory.chat_work as work
set lease_token = $3,
    due_at = due.at + $4::interval,
    lease_expiries = work.lease_expiries + due.expired
from due
where work.bucket = $1 and work.chat = due.chat
returning work.bucket, work.chat, work.head_seq, work.done_seq, work.draft, work.attempts, work.lease_expiries,
    due.at - work.pending_since as waited;

-- name: claim_chat
-- Somebody waits for this chat: take it now, also from a back-off or a failure, but never from a living lease. Asked
-- again with the same token after a lost answer, it answers again.
update chat_memory.chat_work as work
set lease_token = $3,
    due_at = clock.at + $4::interval,
    lease_expiries = work.lease_expiries + coalesce(work.lease_token <> $3, false)::integer
from (select now() + $5::interval as at) as clock
where work.bucket = $1 and work.chat = $2 and work.head_seq > work.done_seq
    and (work.lease_token is null or work.due_at <= clock.at or work.lease_token = $3)
returning work.bucket, work.chat, work.head_seq, work.done_seq, work.draft, work.attempts, work.lease_expiries,
    clock.at - work.pending_since as waited;

-- name: hasten_chat
-- Somebody will come back for this fold: due now, also from a back-off or a failure. A lease is the answer already.
update chat_memory.chat_work as work
set due_at = clock.at, failed_at = null
from (select now() + $3::interval as at) as clock
where work.bucket = $1 and work.chat = $2 and work.head_seq > work.done_seq and work.lease_token is null;

-- name: renew_leases
-- Slow models keep their chats. Locked in key order, like everything that touches several. A chat that does not come back
-- went to another worker, and its fold must stop.
with held as materialized (
    select locked.chat, given.token, now() + $5::interval as at
    from unnest((select $2::bytea[]), (select $3::uuid[])) as given (chat, token)
    cross join lateral (
        select work.chat
        from chat_memory.chat_work as work
        where work.bucket = $1 and work.chat = given.chat and work.lease_token = given.token
        for update
    ) as locked
)
update chat_memory.chat_work as work
set due_at = held.at + $4::interval
from held
where work.bucket = $1 and work.chat = held.chat and work.lease_token = held.token
returning work.chat, work.lease_token;

-- name: hand_back_leases
-- Shutting down, or nothing to fold: due at once for anybody, nothing counted, drafts kept. Locked in key order.
with held as materialized (
    select locked.chat, given.token, now() + $4::interval as at
    from unnest((select $2::bytea[]), (select $3::uuid[])) as given (chat, token)
    cross join lateral (
        select work.chat
        from chat_memory.chat_work as work
        where work.bucket = $1 and work.chat = given.chat and work.lease_token = given.token
        for update
    ) as locked
)
update chat_memory.chat_work as work
set lease_token = null,
    due_at = case when work.head_seq > work.done_seq then held.at end
from held
where work.bucket = $1 and work.chat = held.chat and work.lease_token = held.token;

-- name: defer_fold
-- The model said when to ask again: due then, nothing counted, any other worker may come first.
update chat_memory.chat_work as work
set lease_token = null,
    due_at = case when work.head_seq > work.done_seq then clock.at + $4::interval end
from (select now() + $5::interval as at) as clock
where work.bucket = $1 and work.chat = $2 and work.lease_token = $3
returning work.head_seq;

-- name: hand_back_claims
-- The answer to a claim was lost: what it may have claimed is due again now, not when its leases end.
with claimed as (
    select bucket, chat
    from chat_memory.chat_work
    where bucket = $1 and due_at is not null and lease_token = $2
    order by bucket, chat
    for update
)
update chat_memory.chat_work as work
set lease_token = null, due_at = now() + $3::interval
from claimed
where work.bucket = $1 and work.chat = claimed.chat;

-- name: record_failure
-- A failed fold is counted and waits its back-off; after too many the chat waits for help and stays readable. The draft
-- goes: it is what failed.
update chat_memory.chat_work as work
set attempts = work.attempts + 1,
    last_error = $4,
    lease_token = null, draft = null, draft_seq = null,
    due_at = case when work.attempts + 1 < $6 then clock.at + $5::interval end,
    failed_at = case when work.attempts + 1 >= $6 then clock.at end
from (select now() + $7::interval as at) as clock
where work.bucket = $1 and work.chat = $2 and work.lease_token = $3
returning work.attempts, work.failed_at;

-- name: read_cursor
-- Who waits for a fold asks how far it got: one primary-key read.
select head_seq, done_seq, failed_at, owner_hash
from chat_memory.chat_work
where bucket = $1 and chat = $2;

-- name: delete_cursor
-- The end of a chat's life: with the row goes every lease and draft of it.
delete from chat_memory.chat_work
where bucket = $1 and chat = $2;

-- name: count_work
-- What doctor shows: chats waiting, leased and failed, each counted in its own partial index.
select
    (select count(*) from chat_memory.chat_work where due_at is not null and lease_token is null) as due,
    (select count(*) from chat_memory.chat_work where due_at is not null and lease_token is not null) as leased,
    (select count(*) from chat_memory.chat_work where failed_at is not null) as failed;
