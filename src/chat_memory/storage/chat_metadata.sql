-- name: read_memory
-- The memory as it stands, for a fold or for the write that follows it under the chat's lock.
select version, user_confirmed, llm_inferred, general_summary, rejected, degraded
from chat_memory.chat_metadata
where bucket = $1 and chat = $2;

-- name: delete_memory
-- The end of a chat's life: its memory.
delete from chat_memory.chat_metadata
where bucket = $1 and chat = $2;
