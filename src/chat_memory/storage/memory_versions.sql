-- name: read_versions
-- The life of a memory, oldest first: which turns each version folded and what it changed.
select version, from_seq, covers_seq, replaces_version, delta, memory, summarizer, model, tokens_in, tokens_out,
    tokens_cached, cost_usd, degraded, counting, created_at
from chat_memory.memory_versions
where bucket = $1 and chat = $2
order by version;

-- name: list_versions
-- One page of what versions did, newest first, without the memories they made: within a budget of bytes, at least one.
-- A chat that exists always answers, with its owner and the versions it has, so that no row means no chat.
select conversation.owner, known.first_version, known.last_version, known.wanted, page.*
from chat_memory.conversations as conversation
cross join lateral (
    select min(version) as first_version, max(version) as last_version,
        count(*) filter (where version > $3 and version <= $4) as wanted
    from chat_memory.memory_versions
    where memory_versions.bucket = $1 and memory_versions.chat = $2
) as known
left join lateral (
    select version, from_seq, covers_seq, replaces_version, delta, summarizer, model, degraded, counting, created_at
    from (
        select newest.*, sum(octet_length(delta::text)) over (order by version desc) - octet_length(delta::text) as bytes_after
        from (
            select version, from_seq, covers_seq, replaces_version, delta, summarizer, model, degraded, counting, created_at
            from chat_memory.memory_versions
            where memory_versions.bucket = $1 and memory_versions.chat = $2 and version > $3 and version <= $4
            order by version desc
            limit $5
        ) as newest
    ) as measured
    where bytes_after < $6
) as page on true
where conversation.bucket = $1 and conversation.chat = $2
order by page.version desc;

-- name: read_past
-- The memory as it was at a version, and how far it reached then: a version in the place of another covers that one's
-- turns again and reaches no further. Degraded as it was known then; what was carried over is so until the first fold.
select conversation.owner, conversation.birth, known.first_version, known.last_version, past.*
from chat_memory.conversations as conversation
cross join lateral (
    select min(version) as first_version, max(version) as last_version
    from chat_memory.memory_versions
    where memory_versions.bucket = $1 and memory_versions.chat = $2
) as known
left join lateral (
    select memory,
        (
            select covers_seq
            from chat_memory.memory_versions as earlier
            where earlier.bucket = $1 and earlier.chat = $2 and earlier.version <= $3 and earlier.replaces_version is null
            order by version desc
            limit 1
        ) as covers_seq,
        exists (
            select from chat_memory.memory_versions as stale
            where stale.bucket = $1 and stale.chat = $2 and stale.version <= $3 and stale.degraded and not exists (
                select from chat_memory.memory_versions as newer
                where newer.bucket = $1 and newer.chat = $2 and newer.version <= $3
                    and (newer.replaces_version = stale.version or stale.covers_seq = 0 and newer.covers_seq > 0)
            )
        ) as degraded
    from chat_memory.memory_versions as version
    where version.bucket = $1 and version.chat = $2 and version.version = $3
) as past on true
where conversation.bucket = $1 and conversation.chat = $2;

-- name: read_between
-- Two memories of a chat, and what the versions after the first one took away or refused; 0 is the latest. One statement,
-- so one snapshot. Of a long way the newest part, within a budget of bytes.
select conversation.owner, known.first_version, known.last_version,
    (
        select memory from chat_memory.memory_versions
        where memory_versions.bucket = $1 and memory_versions.chat = $2 and version = $3
    ) as before,
    (
        select memory from chat_memory.memory_versions
        where memory_versions.bucket = $1 and memory_versions.chat = $2 and version = known.wanted
    ) as after,
    way.steps
from chat_memory.conversations as conversation
cross join lateral (
    select min(version) as first_version, max(version) as last_version,
        case when $4::integer = 0 then max(version) else $4::integer end as wanted
    from chat_memory.memory_versions
    where memory_versions.bucket = $1 and memory_versions.chat = $2
) as known
cross join lateral (
    select json_agg(json_build_object(
        'version', version, 'change', change, 'summarizer', summarizer, 'replaces_version', replaces_version
    ) order by version) as steps
    from (
        select version, summarizer, replaces_version, change, sum(octet_length(change::text)) over (order by version desc) as bytes
        from (
            select version, summarizer, replaces_version, delta - 'confirmed' - 'left_summary' as change
            from chat_memory.memory_versions
            where memory_versions.bucket = $1 and memory_versions.chat = $2 and version > $3 and version <= known.wanted
            order by version desc
            limit $5
        ) as newest
    ) as measured
    where bytes <= $6
) as way
where conversation.bucket = $1 and conversation.chat = $2;

-- name: delete_versions
-- The end of a chat's life: its past memories.
delete from chat_memory.memory_versions
where bucket = $1 and chat = $2;
