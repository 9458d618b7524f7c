"""`chat-memory bench`: what the design promises about speed, measured on this machine, or two measurements compared."""
