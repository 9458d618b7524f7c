-- Calls that are answered later. A task keeps which turns it waits for and nothing of how far they are: that is the
-- cursor's, in chat_work. Only an end the cursor cannot tell, or could take back, is written down.

create table chat_memory.tasks (
    bucket     smallint    not null,
    chat       bytea       not null,
    task_id    uuid        not null,
    tool       text        not null,
    first_seq  integer     not null,
    last_seq   integer     not null,
    created_at timestamptz not null,
    ended_as   text,
    ended_at   timestamptz,
    constraint tasks_pkey primary key (bucket, chat, task_id),
    constraint tasks_tool_is_known check (tool in ('update_memory', 'summarize')),
    constraint tasks_end_is_known check (ended_as in ('cancelled', 'failed')),
    constraint tasks_end_at_a_time check ((ended_as is null) = (ended_at is null))
);
create index tasks_age on chat_memory.tasks (bucket, created_at);

-- A reference table, not keyed by chat: what this database seals with, so that any process opens what another sealed.
create table chat_memory.sealing_keys (
    purpose    text        not null,
    secret     bytea       not null,
    created_at timestamptz not null,
    constraint sealing_keys_pkey primary key (purpose),
    constraint sealing_keys_are_long check (octet_length(secret) >= 32)
);
