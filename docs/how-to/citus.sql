-- Optional, and never run by this project: see docs/how-to/scale.md. Run it once, as the tables' owner, after `chat-memory migrate`
-- on an empty database with the citus extension, and before the first chat.

create extension if not exists citus;

-- Chat tables: one shard key, colocated, so that all of a chat stays on one node.
select create_distributed_table('chat_memory.conversations', 'bucket', shard_count := 32);
select create_distributed_table('chat_memory.turns', 'bucket', colocate_with := 'chat_memory.conversations');
select create_distributed_table('chat_memory.receipts', 'bucket', colocate_with := 'chat_memory.conversations');
select create_distributed_table('chat_memory.chat_work', 'bucket', colocate_with := 'chat_memory.conversations');
select create_distributed_table('chat_memory.chat_metadata', 'bucket', colocate_with := 'chat_memory.conversations');
select create_distributed_table('chat_memory.memory_versions', 'bucket', colocate_with := 'chat_memory.conversations');
select create_distributed_table('chat_memory.tasks', 'bucket', colocate_with := 'chat_memory.conversations');
select create_distributed_table('chat_memory.redaction_salts', 'bucket', colocate_with := 'chat_memory.conversations');

-- Tables that are not keyed by chat: small, the same on every node.
select create_reference_table('chat_memory.api_keys');
select create_reference_table('chat_memory.audit_log');
select create_reference_table('chat_memory.migrations');
select create_reference_table('chat_memory.calibrations');
select create_reference_table('chat_memory.model_spend');
select create_reference_table('chat_memory.sealing_keys');
