-- name: keep_key
-- The first process that seals makes the key; processes that start at once keep the same one.
insert into chat_memory.sealing_keys (purpose, secret, created_at)
values ($1, $2, now() + $3::interval)
on conflict (purpose) do nothing;

-- name: read_key
-- The key and the time in one answer: what is sealed expires by the database's clock.
select secret, now() + $2::interval as at
from chat_memory.sealing_keys
where purpose = $1;
