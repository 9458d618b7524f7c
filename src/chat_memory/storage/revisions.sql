-- name: find_revision
-- After a lost answer: did this call write its version? Asked under the chat's lock, so the lost transaction has ended.
select version, delta
from chat_memory.memory_versions
where bucket = $1 and chat = $2 and call_id = $3;

-- name: write_revision
-- A version that folds no turn: its range is empty and stands where the cursor does, so that the versions still
-- partition the folded turns. Whoever comes here holds the chat's lock; the cursor, a lease and its draft stay as they
-- are: a fold in flight finds a newer memory and asks the gate again. Provisional is only one that carries such a memory over.
with clock as materialized (
    select now() + $14::interval as at
),
kept as (
    insert into chat_memory.memory_versions (
        bucket, chat, version, from_seq, covers_seq, replaces_version, delta, memory,
        summarizer, model, tokens_in, tokens_out, tokens_cached, cost_usd, degraded, created_at, call_id
    )
    select $1, $2, $3, $4::integer + 1, $4, null, $5, $6, $7, '', 0, 0, 0, 0, $15 and $7 = 'continue', clock.at, $8
    from clock
)
insert into chat_memory.chat_metadata as memory (
    bucket, chat, user_confirmed, llm_inferred, general_summary, rejected, token_count, version, degraded, created_at,
    updated_at
)
select $1, $2, $9, $10, $11, $12, $13, $3, $15, clock.at, clock.at
from clock
on conflict (bucket, chat) do update
set user_confirmed = excluded.user_confirmed,
    llm_inferred = excluded.llm_inferred,
    general_summary = excluded.general_summary,
    rejected = excluded.rejected,
    token_count = excluded.token_count,
    version = excluded.version,
    degraded = excluded.degraded,
    updated_at = excluded.updated_at;

-- name: find_heirs
-- What became of facts that stand no more: asked when a verdict names one, so that the same verdict again is known for
-- it, and another is told where to look. The latest version that took each away counts.
select distinct on (id) replaced.item -> 'old' ->> 'id' as id, replaced.item -> 'new' as heir, kept.version
from chat_memory.memory_versions as kept
cross join lateral jsonb_array_elements(kept.delta -> 'replaced') as replaced (item)
where kept.bucket = $1 and kept.chat = $2 and replaced.item -> 'old' ->> 'id' = any($3::text[])
order by id, kept.version desc;
