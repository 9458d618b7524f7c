"""`chat-memory eval`: how far memories can be trusted, measured on public sets, or two measurements compared."""
