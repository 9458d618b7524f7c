-- name: find_call
-- After a lost connection: did this call commit? Asked under the chat's lock, so the lost transaction has ended.
select min(seq) as first_seq, max(seq) as last_seq
from chat_memory.turns
where bucket = $1 and chat = $2 and call_id = $3;

-- name: read_turns
-- What a version is checked against at the write: the turns a delta cites.
select seq, role, attested, content, created_at
from chat_memory.turns
where bucket = $1 and chat = $2 and seq = any($3::integer[])
order by seq;

-- name: read_history
-- One page of a chat as it was said, newest first, within a budget of bytes, at least one turn.
select owner, seq, role, attested, content, created_at
from (
    select page.*, conversation.owner,
        sum(octet_length(content)) over (order by seq desc) - octet_length(content) as bytes_after
    from chat_memory.conversations as conversation
    cross join lateral (
        select seq, role, attested, content, created_at
        from chat_memory.turns
        where turns.bucket = $1 and turns.chat = $2 and turns.seq < $3
        order by seq desc
        limit $4
    ) as page
    where conversation.bucket = $1 and conversation.chat = $2
) as measured
where bytes_after < $5
order by seq desc;

-- name: delete_turns
-- The end of a chat's life: its words.
delete from chat_memory.turns
where bucket = $1 and chat = $2;
