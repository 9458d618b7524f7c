-- A person's word on the memory: the facts that were rejected stay known, so that no fold brings them back from what was
-- said before; and a version written outside a fold names its call, so that after a lost answer it is found, not guessed.

alter table chat_memory.chat_metadata
    add column rejected jsonb not null default '[]';

alter table chat_memory.memory_versions
    add column call_id uuid;
