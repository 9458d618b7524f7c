"""How models count tokens, learned from their answers."""

from chat_memory.storage.database import Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("calibrations")


async def learn_factor(session: Session, model: str, factor: float, share: float) -> float:
    """Move what is known of a model by `share` of the difference to `factor`, and return it."""
    row = await session.fetch_row(QUERIES["learn_factor"], model, factor, share, session.drift)
    return float(row["factor"]) if row else factor


async def read_factor(session: Session, model: str) -> float:
    """Read how many tokens a model counts for each of ours, 1 where nothing is known."""
    row = await session.fetch_row(QUERIES["read_factor"], model)
    return float(row["factor"]) if row else 1.0
