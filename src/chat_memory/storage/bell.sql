-- name: ring_bell
-- Delivered to every listening process when the transaction commits, never before.
select pg_notify($1, $2);
