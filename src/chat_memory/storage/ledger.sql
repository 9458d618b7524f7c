-- name: append_calls
-- Many calls in one statement: each chat is locked in key order or, when somebody holds it, left out; numbered from its
-- head; begun when it is new. A chat that does not come back was left out. One bell for all of them.
with given as materialized (
    select place, bucket, chat, owner_hash, owner, chat_id, turns
    from unnest($1::smallint[], $2::bytea[], $3::bytea[], $4::text[], $5::text[], $6::integer[])
        with ordinality as item (bucket, chat, owner_hash, owner, chat_id, turns, place)
),
clock as materialized (
    select now() + $19::interval as at
),
locked as materialized (
    select given.place, given.turns, held.bucket, held.chat
    from given
    cross join lateral (
        select work.bucket, work.chat
        from chat_memory.chat_work as work
        where work.bucket = given.bucket and work.chat = given.chat and work.owner_hash = given.owner_hash
        for update skip locked
    ) as held
),
advanced as (
    update chat_memory.chat_work as work
    set head_seq = work.head_seq + locked.turns,
        pending_since = coalesce(work.pending_since, clock.at),
        due_at = case
            when work.lease_token is null and work.failed_at is null then greatest(
                work.due_at, least(clock.at + $20::interval, coalesce(work.pending_since, clock.at) + $21::interval)
            )
            else work.due_at
        end
    from locked
    cross join clock
    where work.bucket = locked.bucket and work.chat = locked.chat
    returning locked.place, work.bucket, work.chat, work.head_seq - locked.turns as base, work.done_seq
),
created as (
    insert into chat_memory.chat_work (bucket, chat, owner_hash, head_seq, due_at, pending_since)
    select given.bucket, given.chat, given.owner_hash, given.turns, clock.at + least($20::interval, $21::interval), clock.at
    from given
    cross join clock
    where not exists (
        select from chat_memory.chat_work as work where work.bucket = given.bucket and work.chat = given.chat
    )
    order by given.place
    on conflict (bucket, chat) do nothing
    returning bucket, chat
),
placed as materialized (
    select place, bucket, chat, base, done_seq, false as begun from advanced
    union all
    select given.place, created.bucket, created.chat, 0, 0, true
    from created
    join given on given.bucket = created.bucket and given.chat = created.chat
),
named as (
    insert into chat_memory.conversations (bucket, chat, owner, chat_id, birth, created_at)
    select placed.bucket, placed.chat, given.owner, given.chat_id, gen_random_uuid(), clock.at
    from placed
    join given using (place)
    cross join clock
    where placed.begun
),
written as (
    insert into chat_memory.turns (bucket, chat, seq, role, attested, content, call_id, trigger_source, created_at)
    select placed.bucket, placed.chat, placed.base + turn.number, turn.role, turn.attested, turn.content, turn.call_id,
        turn.source, clock.at
    from unnest($7::integer[], $8::integer[], $9::text[], $10::boolean[], $11::text[], $12::uuid[], $13::text[])
        as turn (place, number, role, attested, content, call_id, source)
    join placed using (place)
    cross join clock
),
remembered as (
    insert into chat_memory.receipts (bucket, chat, idempotency_key, request_hash, first_seq, last_seq, created_at)
    select placed.bucket, placed.chat, receipt.key, receipt.hash, placed.base + receipt.first, placed.base + receipt.last, clock.at
    from unnest($14::integer[], $15::text[], $16::bytea[], $17::integer[], $18::integer[])
        as receipt (place, key, hash, first, last)
    join placed using (place)
    cross join clock
),
rung as (
    select pg_notify($22, '+' || string_agg(encode(placed.chat, 'hex'), '')) as nothing
    from placed
    group by placed.place / 200
)
select placed.place, placed.base, placed.done_seq, clock.at, (select count(*) from rung) as bells
from placed
cross join clock;

-- name: lock_calls
-- Calls with keys look before they write: their chats are locked first, so that no twin is under way. Who is busy is left out.
select held.bucket, held.chat
from unnest($1::smallint[], $2::bytea[]) as given (bucket, chat)
cross join lateral (
    select work.bucket, work.chat
    from chat_memory.chat_work as work
    where work.bucket = given.bucket and work.chat = given.chat
    for update skip locked
) as held;

-- name: find_receipts
-- A repeated key gets its first answer. A statement of its own, after the chats' locks: any earlier could miss a twin.
select given.place, receipt.request_hash, receipt.first_seq, receipt.last_seq, work.head_seq, work.done_seq,
    now() + $5::interval as at
from unnest($1::integer[], $2::smallint[], $3::bytea[], $4::text[]) as given (place, bucket, chat, key)
cross join lateral (
    select request_hash, first_seq, last_seq
    from chat_memory.receipts
    where bucket = given.bucket and chat = given.chat and idempotency_key = given.key
) as receipt
cross join lateral (
    select head_seq, done_seq
    from chat_memory.chat_work
    where bucket = given.bucket and chat = given.chat
) as work;
