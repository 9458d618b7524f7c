-- How models count: the exponential average of a model's own count of its answers by our estimate of the same text. With
-- each version stands how its memory was counted. A reference table, not keyed by chat.

create table chat_memory.calibrations (
    model      text             not null,
    factor     double precision not null,
    answers    bigint           not null,
    updated_at timestamptz      not null,
    constraint calibrations_pkey primary key (model),
    constraint calibrations_are_bounded check (factor between 0.5 and 2)
);

alter table chat_memory.memory_versions
    add column counting text not null default 'fitted';
