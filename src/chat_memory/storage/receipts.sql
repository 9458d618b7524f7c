-- name: find_receipt
-- A repeated key gets its first answer. A statement of its own, after the chat's lock: any earlier could miss a twin.
select request_hash, first_seq, last_seq
from chat_memory.receipts
where bucket = $1 and chat = $2 and idempotency_key = $3;

-- name: keep_receipt
-- Calls that brought a key are remembered with it, in the transaction of their turns.
insert into chat_memory.receipts (bucket, chat, idempotency_key, request_hash, first_seq, last_seq, created_at)
values ($1, $2, $3, $4, $5, $6, now() + $7::interval);

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
