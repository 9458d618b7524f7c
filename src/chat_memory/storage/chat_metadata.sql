-- name: read_memory
-- The memory as it stands, for a fold or for the write that follows it under the chat's lock.
select version, user_confirmed, llm_inferred, general_summary, degraded
from chat_memory.chat_metadata
where bucket = $1 and chat = $2;

-- name: read_snapshot
-- A read is never stale: memory, cursor and pending turns in one statement, so in one snapshot. Turns that cannot fit a
-- reply whole come shortened.
select conversation.owner, conversation.birth, work.head_seq, work.done_seq, work.failed_at is not null as failed,
    coalesce(extract(epoch from now() + $3::interval - work.pending_since) * 1000, 0)::bigint as lag_ms,
    memory.version, memory.user_confirmed, memory.llm_inferred, memory.general_summary, memory.token_count,
    memory.degraded, pending.turns as pending_turns
from chat_memory.conversations as conversation
join chat_memory.chat_work as work using (bucket, chat)
left join chat_memory.chat_metadata as memory using (bucket, chat)
cross join lateral (
    select json_agg(json_build_object(
        'seq', newest.seq, 'role', newest.role, 'attested', newest.attested,
        'content', left(newest.content, case when newest.characters_after < $5::integer then $5::integer else $6::integer end),
        'characters', newest.characters
    ) order by newest.seq) as turns
    from (
        select seq, role, attested, content, length(content) as characters,
            sum(length(content)) over (order by seq desc) - length(content) as characters_after
        from (
            select seq, role, attested, content
            from chat_memory.turns
            where turns.bucket = $1 and turns.chat = $2 and turns.seq > work.done_seq
            order by seq desc
            limit $4
        ) as page
    ) as newest
) as pending
where conversation.bucket = $1 and conversation.chat = $2;

-- name: delete_memory
-- The end of a chat's life: its memory.
delete from chat_memory.chat_metadata
where bucket = $1 and chat = $2;
