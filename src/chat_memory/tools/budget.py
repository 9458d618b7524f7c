"""The daily budget: what models may still cost today, on this database."""

from chat_memory.errors import BudgetSpentError
from chat_memory.storage import model_spend
from chat_memory.tools.toolbox import Toolbox


async def refuse_beyond_budget(box: Toolbox) -> float:
    """Return what was spent since 0:00 UTC, US dollars. Folds that ask at the same moment may pass it together.

    Raises:
        BudgetSpentError: the budget is gone; the message says when there is a new one.
    """
    spent, budget = await box.db.run(model_spend.read_spent_today), box.settings.daily_budget_usd
    if spent >= budget:
        raise BudgetSpentError(budget=f"{budget:g}", spent=spent)
    return spent
