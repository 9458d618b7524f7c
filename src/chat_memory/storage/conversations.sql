-- name: begin_conversation
-- The chat's name, owner and birth, written with its first turn under the chat's lock.
insert into chat_memory.conversations (bucket, chat, owner, chat_id, birth, created_at, continued_from)
values ($1, $2, $3, $4, $5, now() + $6::interval, $7);

-- name: read_beginning
-- Which chat this one began with, before it is begun with another.
select owner, continued_from
from chat_memory.conversations
where bucket = $1 and chat = $2;

-- name: list_latest_chats
-- An agent that lost its chat id finds it: bucket by bucket through the owner's index, so nothing is scanned.
select conversation.owner, conversation.chat_id, first.content as first_line, last.created_at as last_turn_at,
    now() + $3::interval - last.created_at as age, work.head_seq
from generate_series(0, 255) as buckets (bucket)
cross join lateral (
    select candidate.bucket, candidate.chat, candidate.owner, candidate.chat_id
    from chat_memory.conversations as candidate
    where candidate.bucket = buckets.bucket::smallint and candidate.owner = $1
    order by candidate.created_at desc
    limit $2
) as conversation
cross join lateral (
    select head_seq from chat_memory.chat_work
    where chat_work.bucket = conversation.bucket and chat_work.chat = conversation.chat
) as work
cross join lateral (
    select left(content, 200) as content from chat_memory.turns
    where turns.bucket = conversation.bucket and turns.chat = conversation.chat and turns.seq = 1
) as first
cross join lateral (
    select created_at from chat_memory.turns
    where turns.bucket = conversation.bucket and turns.chat = conversation.chat and turns.seq = work.head_seq
) as last
order by last.created_at desc, conversation.chat_id
limit $2;

-- name: delete_conversation
-- The end of a chat's life: its name and its birth go, a chat of the same name starts anew.
delete from chat_memory.conversations
where bucket = $1 and chat = $2;
