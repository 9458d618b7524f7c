-- name: read_starting
-- What folds start from, many chats of one bucket in one snapshot: of each its oldest pending turns, within a budget of
-- bytes, at least one, and with the first of them its memory; null where there is none yet.
select given.place, pending.seq, pending.role, pending.attested, pending.content, pending.created_at,
    memory.version, memory.user_confirmed, memory.llm_inferred, memory.general_summary, memory.rejected, memory.degraded
from unnest((select $2::bytea[]), (select $3::integer[])) with ordinality as given (chat, done_seq, place)
cross join lateral (
    select seq, role, attested, content, created_at, place
    from (
        select seq, role, attested, content, created_at,
            sum(octet_length(content)) over (order by seq) as bytes, row_number() over (order by seq) as place
        from (
            select seq, role, attested, content, created_at
            from chat_memory.turns
            where turns.bucket = $1 and turns.chat = given.chat and turns.seq > given.done_seq
            order by seq
            limit 1000
        ) as oldest
    ) as measured
    where bytes <= $4 or place = 1
) as pending
left join lateral (
    select version, user_confirmed, llm_inferred, general_summary, rejected, degraded
    from chat_memory.chat_metadata
    where bucket = $1 and chat_metadata.chat = given.chat
) as memory on pending.place = 1
order by given.place, pending.seq;
