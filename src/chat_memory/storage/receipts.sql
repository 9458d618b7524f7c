-- name: expire_receipts
-- Old keys go in small steps, one bucket at a time, never on the path of a write.
delete from chat_memory.receipts
where bucket = $1 and (bucket, chat, idempotency_key) in (
    select bucket, chat, idempotency_key
    from chat_memory.receipts
    where bucket = $1 and created_at < now() + $3::interval - $2::interval
    limit 1000
);

-- name: delete_receipts
-- The end of a chat's life: its keys.
delete from chat_memory.receipts
where bucket = $1 and chat = $2;
