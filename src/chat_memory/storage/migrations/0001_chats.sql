-- Chats, their turns, their memory. Every key of a chat table leads with bucket, the first byte of the chat's key:
-- the unit of distribution, frozen for ever. Keys are computed by the server from owner and chat_id (models.chat_key).

create table chat_memory.conversations (
    bucket     smallint    not null,
    chat       bytea       not null,
    owner      text        not null,
    chat_id    text        not null,
    birth      uuid        not null,
    metadata   jsonb       not null default '{}',
    created_at timestamptz not null,
    closed_at  timestamptz,
    expires_at timestamptz,
    constraint conversations_pkey primary key (bucket, chat),
    constraint conversations_bucket_leads check (octet_length(chat) = 16 and bucket = get_byte(chat, 0)),
    constraint conversations_owner_is_bounded check (octet_length(owner) between 1 and 1024)
);
create index conversations_owner on chat_memory.conversations (bucket, owner, created_at desc);

create table chat_memory.turns (
    bucket         smallint    not null,
    chat           bytea       not null,
    seq            integer     not null,
    role           text        not null,
    attested       boolean     not null,
    content        text        not null,
    call_id        uuid        not null,
    trigger_source text        not null,
    created_at     timestamptz not null,
    constraint turns_pkey primary key (bucket, chat, seq),
    constraint turns_start_at_one check (seq >= 1),
    constraint turns_role_is_known check (role in ('user', 'assistant', 'tool', 'system', 'note')),
    constraint turns_attest_users_only check (role = 'user' or not attested),
    constraint turns_source_is_known check (trigger_source in ('mcp', 'manual', 'api', 'test'))
);

create table chat_memory.receipts (
    bucket          smallint    not null,
    chat            bytea       not null,
    idempotency_key text        not null,
    request_hash    bytea       not null,
    first_seq       integer     not null,
    last_seq        integer     not null,
    created_at      timestamptz not null,
    constraint receipts_pkey primary key (bucket, chat, idempotency_key)
);
create index receipts_age on chat_memory.receipts (bucket, created_at);

-- The cursor: one small hot row per chat. due_at null means nothing to do; while lease_token is set, due_at is the
-- lease's end and only the claim and its holder write it.
create table chat_memory.chat_work (
    bucket         smallint not null,
    chat           bytea    not null,
    head_seq       integer  not null default 0,
    done_seq       integer  not null default 0,
    due_at         timestamptz,
    lease_token    uuid,
    attempts       smallint not null default 0,
    lease_expiries smallint not null default 0,
    last_error     text,
    failed_at      timestamptz,
    refold_from    integer,
    draft          jsonb,
    draft_seq      integer,
    pending_since  timestamptz,
    owner_hash     bytea    not null,
    constraint chat_work_pkey primary key (bucket, chat),
    constraint chat_work_folds_what_exists check (0 <= done_seq and done_seq <= head_seq),
    constraint chat_work_drafts_what_exists check (draft_seq <= head_seq and (draft is null) = (draft_seq is null)),
    constraint chat_work_leases_end check (lease_token is null or due_at is not null)
) with (fillfactor = 65, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index chat_work_due on chat_memory.chat_work (bucket, due_at) where due_at is not null;
create index chat_work_failed on chat_memory.chat_work (bucket, failed_at) where failed_at is not null;

create table chat_memory.chat_metadata (
    bucket          smallint    not null,
    chat            bytea       not null,
    user_confirmed  jsonb       not null,
    llm_inferred    jsonb       not null,
    general_summary text        not null,
    token_count     integer     not null,
    version         integer     not null,
    degraded        boolean     not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    constraint chat_metadata_pkey primary key (bucket, chat),
    constraint chat_metadata_versions_count_up check (version >= 1)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

create table chat_memory.memory_versions (
    bucket           smallint    not null,
    chat             bytea       not null,
    version          integer     not null,
    from_seq         integer     not null,
    covers_seq       integer     not null,
    replaces_version integer,
    delta            jsonb       not null,
    memory           jsonb       not null,
    summarizer       text        not null,
    model            text        not null,
    tokens_in        integer     not null,
    tokens_out       integer     not null,
    created_at       timestamptz not null,
    constraint memory_versions_pkey primary key (bucket, chat, version)
);

-- Reference tables: not keyed by chat, listed by name in the catalogue test.

create table chat_memory.api_keys (
    key_id       uuid        not null,
    owner        text        not null,
    key_hash     bytea       not null,
    scopes       text[]      not null default '{}',
    created_at   timestamptz not null,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    constraint api_keys_pkey primary key (key_id),
    constraint api_keys_hash_is_unique unique (key_hash)
);

create table chat_memory.audit_log (
    entry_id   bigint generated always as identity,
    owner      text        not null,
    action     text        not null,
    counts     jsonb       not null default '{}',
    created_at timestamptz not null,
    constraint audit_log_pkey primary key (entry_id)
);
create index audit_log_age on chat_memory.audit_log (created_at);

-- For operators: what is queued, under the names the earlier design used. Status comes from the cursor, stored nowhere else.
create view chat_memory.chat_context_queue as
select
    encode(turn.chat, 'hex') || '-' || turn.seq as id,
    conversation.chat_id,
    turn.content as new_context_snippet,
    case
        when turn.seq <= work.done_seq then 'complete'
        when turn.seq <= coalesce(work.draft_seq, work.done_seq) then 'ready_to_write'
        when work.failed_at is not null then 'failed'
        else 'pending_summarization'
    end as status,
    turn.created_at,
    written.created_at as processed_at,
    case when turn.seq <= work.done_seq then 0 else work.attempts end as retry_count,
    case when turn.seq <= work.done_seq then null else work.last_error end as error_message,
    turn.trigger_source
from chat_memory.turns as turn
join chat_memory.chat_work as work using (bucket, chat)
join chat_memory.conversations as conversation using (bucket, chat)
left join lateral (
    select version.created_at
    from chat_memory.memory_versions as version
    where version.bucket = turn.bucket and version.chat = turn.chat
        and turn.seq between version.from_seq and version.covers_seq
    order by version.version
    limit 1
) as written on true;
