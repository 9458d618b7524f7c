-- name: read_snapshots
-- A read is never stale: memory, cursor and pending turns of each chat in one statement, so in one snapshot, and many
-- readers in one. Turns that cannot fit a reply whole come shortened. A chat that does not exist does not come back. The
-- limits keep the planner from joining whole tables. Where a reader recalls, the chat's newest turns come too, folded or
-- not, within a budget of turns and bytes.
select given.place, snapshot.*
from unnest((select $1::smallint[]), (select $2::bytea[]), (select $3::integer[]), (select $7::boolean[]))
    with ordinality as given (bucket, chat, characters, recalls, place)
cross join lateral (
    select conversation.owner, conversation.birth, work.head_seq, work.done_seq, work.failed_at is not null as failed,
        coalesce(extract(epoch from now() + $4::interval - work.pending_since) * 1000, 0)::bigint as lag_ms,
        memory.version, memory.user_confirmed, memory.llm_inferred, memory.general_summary, memory.token_count,
        memory.degraded, pending.turns as pending_turns, ledger.turns as ledger_turns
    from chat_memory.conversations as conversation
    join chat_memory.chat_work as work using (bucket, chat)
    left join chat_memory.chat_metadata as memory using (bucket, chat)
    cross join lateral (
        select json_agg(json_build_object(
            'seq', newest.seq, 'role', newest.role, 'attested', newest.attested,
            'content', left(newest.content, case
                when newest.characters_after < given.characters then given.characters else $6::integer
            end),
            'characters', newest.characters
        ) order by newest.seq) as turns
        from (
            select seq, role, attested, content, length(content) as characters,
                sum(length(content)) over (order by seq desc) - length(content) as characters_after
            from (
                select seq, role, attested, content
                from chat_memory.turns
                where turns.bucket = given.bucket and turns.chat = given.chat and turns.seq > work.done_seq
                order by seq desc
                limit $5
            ) as page
        ) as newest
    ) as pending
    cross join lateral (
        select json_agg(json_build_object(
            'seq', newest.seq, 'role', newest.role, 'attested', newest.attested,
            'content', left(newest.content, $10::integer), 'characters', length(newest.content)
        ) order by newest.seq) as turns
        from (
            select seq, role, attested, content,
                sum(least(octet_length(content), $10)) over (order by seq desc) as bytes
            from (
                select seq, role, attested, content
                from chat_memory.turns
                where given.recalls and turns.bucket = given.bucket and turns.chat = given.chat
                order by seq desc
                limit $8
            ) as page
        ) as newest
        where bytes <= $9
    ) as ledger
    where conversation.bucket = given.bucket and conversation.chat = given.chat
    limit 1
) as snapshot;
