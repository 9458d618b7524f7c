-- A chat that begins with what another one of its owner holds says which: asked again, it does so once.

alter table chat_memory.conversations
    add column continued_from text;
