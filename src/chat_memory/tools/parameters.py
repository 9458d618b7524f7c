"""The parameters callers fill, described once in the words a model reads."""

from typing import Annotated, Literal

from pydantic import Field

from chat_memory.models import CALL_MESSAGES, Message
from chat_memory.prompts.wanted import Confirmation, Correction

LONGEST_WAIT_SECONDS = 60.0
"""Longest time a call may wait for a fold: clients give up on calls after about a minute."""

ChatId = Annotated[str, Field(description="Your id of this conversation.")]
ListedChatId = Annotated[str, Field(description="Your id of this conversation. Empty: list your latest chats.")]
Query = Annotated[str, Field(description="Adds past turns about this.")]
Messages = Annotated[
    list[Message],
    Field(description="New messages in order, each under the role that really said it.", max_length=CALL_MESSAGES),
]
Snippet = Annotated[
    str,
    Field(description="Instead of messages: free text. Only a 'User:' block that opens it counts as the user's word."),
]
IdempotencyKey = Annotated[str, Field(description="Same key, same body: written once, however often you retry.")]
ContinueFrom = Annotated[str, Field(description="First call: chat_id to carry memory over from.")]
WaitSeconds = Annotated[float, Field(description="Wait up to this long for the fold.", ge=0, le=LONGEST_WAIT_SECONDS)]
MaxTokens = Annotated[int, Field(description="Cap of this reply; what had no room is named.", ge=256, le=100_000)]
Detail = Annotated[
    Literal["plain", "evidence", "versions"],
    Field(description="evidence: facts with id, basis, quote, turn. versions: what each version changed."),
]
Version = Annotated[int, Field(description="The memory at this version. 0: now.")]
Since = Annotated[int, Field(description="What changed since this version.")]
Limit = Annotated[int, Field(description="Most turns in this page.", ge=1, le=200)]
Before = Annotated[int, Field(description="Only turns before this number. 0: from the newest.", ge=0)]
Confirm = Annotated[list[Confirmation], Field(description="Guesses that are right.")]
Correct = Annotated[list[Correction], Field(description="Facts with a new value.")]
Reject = Annotated[list[str], Field(description="Ids of wrong facts.")]
Restore = Annotated[int, Field(description="Version whose facts come back.")]
