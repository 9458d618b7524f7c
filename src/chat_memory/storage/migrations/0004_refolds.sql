-- The model looks again at what extraction folded: when next, how often it was tried, and its answer until it is written.
-- The answer has a column of its own, so that no fold of new turns can take it for its draft, or write over it.

alter table chat_memory.chat_work
    add column refold_due_at   timestamptz,
    add column refold_attempts smallint not null default 0,
    add column refold_draft    jsonb,
    add constraint chat_work_refolds_what_is_stale check (refold_due_at is null or refold_from is not null);

update chat_memory.chat_work
set refold_due_at = now()
where refold_from is not null;

create index chat_work_refold on chat_memory.chat_work (bucket, refold_due_at)
    where refold_due_at is not null and due_at is null;
create index chat_work_stale on chat_memory.chat_work (bucket, refold_from)
    where refold_from is not null and refold_due_at is null;

-- A version is replaced once.
create unique index memory_versions_replaced on chat_memory.memory_versions (bucket, chat, replaces_version)
    where replaces_version is not null;
