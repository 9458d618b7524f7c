-- name: learn_factor
-- An answer told how a model counts: the average moves by a share of the difference, within bounds. The first is taken whole.
insert into chat_memory.calibrations as known (model, factor, answers, updated_at)
values ($1, $2, 1, now() + $4::interval)
on conflict (model) do update
set factor = known.factor + (excluded.factor - known.factor) * $3::double precision,
    answers = known.answers + 1,
    updated_at = excluded.updated_at
returning factor;

-- name: read_factor
-- What is known of a model's counting where its answer is too short to tell.
select factor
from chat_memory.calibrations
where model = $1;
