-- name: keep_task
-- A call is answered with a task only after this commits. The caller holds the chat's lock: no task outlives its chat.
insert into chat_memory.tasks (bucket, chat, task_id, tool, first_seq, last_seq, created_at, redacted)
values ($1, $2, $3, $4, $5, $6, now() + $7::interval, $8);

-- name: find_task
-- One answer for everything that is not the caller's living task: no row. Foreign, forgotten, expired and invented ids
-- cannot be told apart. When a finished one finished is read from the version that covers it.
select task.tool, task.first_seq, task.last_seq, task.created_at, task.ended_as, task.redacted,
    coalesce(task.ended_at, written.created_at, task.created_at) as updated_at,
    conversation.chat_id, work.done_seq, work.failed_at
from chat_memory.tasks as task
join chat_memory.chat_work as work using (bucket, chat)
join chat_memory.conversations as conversation using (bucket, chat)
left join lateral (
    select version.created_at
    from chat_memory.memory_versions as version
    where version.bucket = task.bucket and version.chat = task.chat and work.done_seq >= task.last_seq
        and task.last_seq between version.from_seq and version.covers_seq
    order by version.version desc
    limit 1
) as written on true
where task.bucket = $1 and task.chat = $2 and task.task_id = $3 and work.owner_hash = $4
    and task.created_at > now() + $6::interval - $5::interval;

-- name: end_task
-- An end is final, so it is decided under the chat's lock: what is folded can be neither cancelled nor failed any more.
with work as materialized (
    select done_seq, failed_at is not null as failed
    from chat_memory.chat_work
    where bucket = $1 and chat = $2 and owner_hash = $5
    for update
)
update chat_memory.tasks as task
set ended_as = $4, ended_at = now() + $6::interval
from work
where task.bucket = $1 and task.chat = $2 and task.task_id = $3 and task.ended_as is null
    and work.done_seq < task.last_seq and work.failed = ($4 = 'failed');

-- name: expire_tasks
-- Old tasks go in small steps, one bucket at a time, when a new one of that bucket comes: nothing piles up.
delete from chat_memory.tasks
where bucket = $1 and (bucket, chat, task_id) in (
    select bucket, chat, task_id
    from chat_memory.tasks
    where bucket = $1 and created_at <= now() + $3::interval - $2::interval
    limit 100
    for update skip locked
);

-- name: delete_tasks
-- The end of a chat's life: its tasks, and with them every id that named it.
delete from chat_memory.tasks
where bucket = $1 and chat = $2;
