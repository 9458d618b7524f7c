-- name: keep_version
-- Every version is kept with what it changed: nothing leaves the memory without a trace.
insert into chat_memory.memory_versions (
    bucket, chat, version, from_seq, covers_seq, replaces_version, delta, memory,
    summarizer, model, tokens_in, tokens_out, tokens_cached, cost_usd, degraded, created_at
)
values ($1, $2, $3, $4, $5, null, $6, $7, $8, $9, $10, $11, $12, $13, $14, now() + $15::interval);

-- name: read_versions
-- The life of a memory, oldest first: which turns each version folded and what it changed.
select version, from_seq, covers_seq, replaces_version, delta, memory, summarizer, model, tokens_in, tokens_out,
    tokens_cached, cost_usd, degraded, created_at
from chat_memory.memory_versions
where bucket = $1 and chat = $2
order by version;

-- name: delete_versions
-- The end of a chat's life: its past memories.
delete from chat_memory.memory_versions
where bucket = $1 and chat = $2;
