-- name: record_spend
-- Every answer is paid for, also one that cannot be used: counted as soon as it is there, under the database's UTC day.
insert into chat_memory.model_spend as spend (day, model, calls, tokens_in, tokens_out, cost_usd)
values (((now() + $5::interval) at time zone 'utc')::date, $1, 1, $2, $3, $4)
on conflict (day, model) do update
set calls = spend.calls + 1,
    tokens_in = spend.tokens_in + excluded.tokens_in,
    tokens_out = spend.tokens_out + excluded.tokens_out,
    cost_usd = spend.cost_usd + excluded.cost_usd;

-- name: read_spent_today
-- What is left of the day's budget is asked before every question to the model: a handful of rows by primary key.
select coalesce(sum(cost_usd), 0)::double precision as spent
from chat_memory.model_spend
where day = ((now() + $1::interval) at time zone 'utc')::date;
