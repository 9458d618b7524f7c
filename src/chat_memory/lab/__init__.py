"""The room of what measures the house."""
