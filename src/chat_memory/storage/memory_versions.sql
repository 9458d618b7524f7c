-- name: read_versions
-- The life of a memory, oldest first: which turns each version folded and what it changed.
select version, from_seq, covers_seq, replaces_version, delta, memory, summarizer, model, tokens_in, tokens_out,
    tokens_cached, cost_usd, degraded, counting, created_at
from chat_memory.memory_versions
where bucket = $1 and chat = $2
order by version;

-- name: delete_versions
-- The end of a chat's life: its past memories.
delete from chat_memory.memory_versions
where bucket = $1 and chat = $2;
