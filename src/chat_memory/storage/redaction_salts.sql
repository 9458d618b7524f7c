-- name: keep_salt
-- Made at a chat's first redaction, perhaps before its first turn; calls of one moment keep the same one.
insert into chat_memory.redaction_salts (bucket, chat, owner_hash, salt, created_at)
values ($1, $2, $3, $4, now() + $5::interval)
on conflict (bucket, chat) do nothing;

-- name: read_salt
-- What placeholders of a chat are made with, and whose it is: the key alone is not trusted.
select owner_hash, salt
from chat_memory.redaction_salts
where bucket = $1 and chat = $2;

-- name: delete_salt
-- The end of a chat's life: nobody can tell any more what a placeholder stood for.
delete from chat_memory.redaction_salts
where bucket = $1 and chat = $2;
