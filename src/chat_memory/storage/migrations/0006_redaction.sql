-- Placeholders of redacted text are made with a secret of their chat: without the row nobody can tell which value one
-- stands for. It may be older than the chat, whose first call is redacted before it is written.

create table chat_memory.redaction_salts (
    bucket     smallint    not null,
    chat       bytea       not null,
    owner_hash bytea       not null,
    salt       bytea       not null,
    created_at timestamptz not null,
    constraint redaction_salts_pkey primary key (bucket, chat),
    constraint redaction_salts_are_long check (octet_length(salt) >= 32)
);
