"""`chat-memory demo`: a conversation becomes memory, through a kill, before your eyes."""
