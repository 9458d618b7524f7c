"""The room of what callers can ask for: one function per file, no protocol, no SQL."""
