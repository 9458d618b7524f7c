-- name: record_action
-- Who did what, in numbers: no chat id, no content, so it may outlive what it counts.
insert into chat_memory.audit_log (owner, action, counts, created_at)
values ($1, $2, $3, now() + $4::interval);
