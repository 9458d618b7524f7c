"""What an answer costs."""

from typing import TYPE_CHECKING

from chat_memory.models import Usage
from chat_memory.settings import Settings

if TYPE_CHECKING:
    from chat_memory.prompts.claude.provider import Counted

CACHE_WRITE_PRICE = 1.25
CACHE_READ_PRICE = 0.1
"""What a token written to or read from the provider's cache costs, in input tokens (Anthropic's price list)."""
MILLION = 1_000_000


def price(settings: Settings, counted: "Counted") -> Usage:
    """Count all input the same way, and what it costs by how the cache was used."""
    written, read = counted.cache_creation_input_tokens or 0, counted.cache_read_input_tokens or 0
    charged = counted.input_tokens + CACHE_WRITE_PRICE * written + CACHE_READ_PRICE * read
    return Usage(
        tokens_in=counted.input_tokens + written + read,
        tokens_out=counted.output_tokens,
        tokens_cached=read,
        cost_usd=(charged * settings.model_input_price + counted.output_tokens * settings.model_output_price) / MILLION,
    )
