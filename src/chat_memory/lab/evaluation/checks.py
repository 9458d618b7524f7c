"""What holds for every memory, whatever is measured on it: each fact's quote is in its turn, and the cap is kept."""

from dataclasses import dataclass

from chat_memory.lab.evaluation.study import CALLER
from chat_memory.models import Fact, Memory, Turn, chat_key
from chat_memory.prompts.clauses import read
from chat_memory.prompts.quotes import occurs
from chat_memory.prompts.tokens import count_memory
from chat_memory.prompts.words import words
from chat_memory.storage import memory_versions, turns
from chat_memory.tools.toolbox import Toolbox


@dataclass(slots=True)
class Checks:
    """Counts over every version of chats: facts, those whose quote verifies, memories, those over their cap."""

    facts: int = 0
    verified: int = 0
    memories: int = 0
    over_cap: int = 0

    async def look(self, box: Toolbox, chat_id: str) -> None:
        """Check every memory a chat of the evaluation's caller had: what gave way since was believed once."""
        key = chat_key(CALLER.owner, chat_id)
        versions = await box.db.run(lambda session: memory_versions.read_versions(session, key))
        facts = {
            (fact.source_seq, fact.quote, fact.basis): fact
            for version in versions
            for fact in list_facts(version.memory)
        }.values()
        cited = {fact.source_seq for fact in facts}
        ledger = await box.db.run(lambda session: turns.read_turns(session, key, cited))
        self.facts += len(facts)
        self.verified += sum(is_verified(fact, ledger.get(fact.source_seq)) for fact in facts)
        self.memories += len(versions)
        self.over_cap += sum(count_memory(version.memory) > box.settings.memory_tokens for version in versions)

    def add(self, other: "Checks") -> None:
        """Count what another suite looked at, too."""
        self.facts += other.facts
        self.verified += other.verified
        self.memories += other.memories
        self.over_cap += other.over_cap


def list_facts(memory: Memory) -> tuple[Fact, ...]:
    """List the facts of both fields."""
    return (*memory.user_confirmed, *memory.llm_inferred)


def is_verified(fact: Fact, turn: Turn | None) -> bool:
    """Tell whether a fact's quote is in its turn, as the gate reads it; an assumption may do without a quote.

    What the user is said to have stated needs a turn whose caller vouches for it.
    """
    if turn is None or (fact.basis == "user_stated" and not (turn.role == "user" and turn.attested)):
        return False
    quote = fact.quote.strip()
    if not quote:
        return fact.basis != "user_stated"
    return occurs(quote, read(turn.content)) if words(quote) else quote in turn.content
