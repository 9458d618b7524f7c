"""What a chat begins with that continues another: that one's facts and summary, with where they were said."""

from chat_memory.models import Fact, Memory, Origin
from chat_memory.prompts.revision import Admitted, Revision
from chat_memory.prompts.sentences import take_from_before
from chat_memory.prompts.tokens import CAP_SHARE, facts_room


def carry_over(memory: Memory, chat_id: str, memory_tokens: int) -> Admitted:
    """Make version 1 of a new chat of the memory of `chat_id`: confirmed facts and summary, what has no room is named.

    No turn of the new chat is older than they are, and none proves them: each names its turn in the chat it is from.
    """
    facts = [_carry(fact, chat_id, number) for number, fact in enumerate(memory.user_confirmed, 1)]
    revision = Revision.of(
        Memory(user_confirmed=tuple(facts)), 1, int(memory_tokens * CAP_SHARE), facts_room(memory_tokens)
    )
    admitted = revision.close("", take_from_before(memory.general_summary))
    return Admitted(
        admitted.memory, admitted.change.model_copy(update={"added": tuple(facts)})
    )  # one without room came, and was evicted


def _carry(fact: Fact, chat_id: str, number: int) -> Fact:
    origin = fact.origin or Origin(chat_id=chat_id, seq=fact.source_seq)
    moved = {"id": f"f1.{number}", "source_seq": 0, "settled_seq": 0, "first_version": 1, "last_version": 1}
    return fact.model_copy(update=moved | {"origin": origin})
