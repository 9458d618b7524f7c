"""What models cost, by UTC day: the purse behind the daily budget."""

from chat_memory.models import Usage
from chat_memory.storage.database import Session
from chat_memory.storage.queries import load_queries

QUERIES = load_queries("model_spend")


async def record_spend(session: Session, model: str, usage: Usage) -> None:
    """Count one answer of a model, whatever becomes of it."""
    values = (model, usage.tokens_in, usage.tokens_out, usage.cost_usd)
    await session.execute(QUERIES["record_spend"], *values, session.drift)


async def read_spent_today(session: Session) -> float:
    """Sum what all models cost since 0:00 UTC, US dollars."""
    row = await session.fetch_row(QUERIES["read_spent_today"], session.drift)
    return float(row["spent"]) if row else 0.0
