"""Short-term memory for chat agents: one canonical, evidence-backed summary per chat."""

__version__ = "0.1.0"
