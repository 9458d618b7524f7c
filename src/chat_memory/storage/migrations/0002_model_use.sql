-- What a model cost: beside each version it made, and per day, because an answer that could not be used costs as much.

alter table chat_memory.memory_versions
    add column tokens_cached integer          not null default 0,
    add column cost_usd      double precision not null default 0,
    add column degraded      boolean          not null default false;

create table chat_memory.model_spend (
    day        date             not null,
    model      text             not null,
    calls      integer          not null,
    tokens_in  bigint           not null,
    tokens_out bigint           not null,
    cost_usd   double precision not null,
    constraint model_spend_pkey primary key (day, model)
);
