-- What gave way to placeholders in a call that became a task, by kind: the receipt says so, whenever it is asked for.

alter table chat_memory.tasks
    add column redacted jsonb;
