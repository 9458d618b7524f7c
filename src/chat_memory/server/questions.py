"""Questions to the user: a tool asks yes or no, and the client shows it, in both protocol eras."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.request_state import AESGCMRequestStateCodec, InvalidRequestState
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from chat_memory.models import Answer, Frozen
from chat_memory.storage.sealing_keys import SealingKey, read_key
from chat_memory.tools.toolbox import Toolbox

Context: TypeAlias = ServerRequestContext[Any, Any]

PURPOSE = "questions"
FIELD = "answer"
FORM = {"type": "object", "properties": {FIELD: {"type": "boolean", "title": "Yes"}}, "required": [FIELD]}
"""One box to tick, without a default: no answer is no yes."""


class QuestionAsked(Exception):  # noqa: N818 - no error: the way from a tool's middle to the client, in the 2026 era
    """The call ends here with a question; the client sends it again with the answer."""

    def __init__(self, result: InputRequiredResult) -> None:
        """Carry what the client is answered."""
        super().__init__()
        self.result = result


class State(Frozen):
    """What a call carries from round to round, sealed: whose call it is, what was asked until when, what is known."""

    call: str
    asked: str
    until: datetime
    answers: dict[str, Answer]


class Questions:
    """The questions of one call."""

    def __init__(self, box: Toolbox, owner: str, context: Context, params: CallToolRequestParams) -> None:
        """Ask the user of `context`, on behalf of `owner`."""
        self._box = box
        self._owner = owner
        self._context = context
        self._params = params
        self._answers: dict[str, Answer] = {}

    async def ask(self, question: str, seconds: float) -> Answer:
        """Ask the user yes or no, and wait up to `seconds`.

        2025-11-25: a request on the session's way back; this call waits. 2026-07-28: the call ends with the question
        and is sent again with the answer, so a tool asks before it writes, outside any task group of its own.

        Raises:
            QuestionAsked: the question is on its way; let it pass.
        """
        if not can_ask(self._context):
            return Answer.UNSUPPORTED
        if self._context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return await self._ask_in_rounds(question, seconds)
        return await ask_at_once(self._context, question, seconds)

    async def _ask_in_rounds(self, question: str, seconds: float) -> Answer:
        name = name_question(question)
        key = await self._box.db.run(lambda session: read_key(session, PURPOSE))
        codec = AESGCMRequestStateCodec([key.secret])
        answer = self._answer(name, codec, key)
        if answer is None:
            until = key.at + timedelta(seconds=seconds)
            state = State(call=self._name_call(), asked=name, until=until, answers=self._answers)
            raise QuestionAsked(
                InputRequiredResult(
                    input_requests={name: ElicitRequest(params=form(question))},
                    request_state=codec.seal(state.model_dump_json().encode()),
                )
            )
        self._answers[name] = answer
        return answer

    def _answer(self, name: str, codec: AESGCMRequestStateCodec, key: SealingKey) -> Answer | None:
        """Look for the answer in what the client sent back; None when this was not asked yet, or is unanswered."""
        if self._params.request_state is None:
            return None
        state = self._unseal(self._params.request_state, codec)
        if state.asked != name and name not in state.answers:
            return None
        if state.until <= key.at:  # what was answered before grows old with the question that is open
            return Answer.TIMED_OUT
        if name in state.answers:
            return state.answers[name]
        response = (self._params.input_responses or {}).get(name)
        return read_answer(response) if isinstance(response, ElicitResult) else None

    def _unseal(self, sealed: str, codec: AESGCMRequestStateCodec) -> State:
        """Open the state if this database sealed it for this very call; what is wrong with it is not told."""
        try:
            state = State.model_validate_json(codec.unseal(sealed))
        except (InvalidRequestState, ValidationError):
            state = None
        if state is None or state.call != self._name_call():
            raise MCPError(INVALID_PARAMS, "Invalid requestState: send the call again without it")
        return state

    def _name_call(self) -> str:
        """Fingerprint the call: whose it is, which tool, which arguments."""
        call = [self._owner, self._params.name, self._params.arguments or {}]
        return hashlib.sha256(json.dumps(call, sort_keys=True).encode()).hexdigest()


async def ask_at_once(context: Context, question: str, seconds: float) -> Answer:
    """Ask on the way back of a 2025-11-25 session; the client is told when nobody waits any more."""
    with anyio.move_on_after(seconds):
        try:
            params = form(question)
            result = await context.session.elicit_form(params.message, params.requested_schema, context.request_id)
        except MCPError:
            return Answer.UNSUPPORTED
        except ValidationError:
            return Answer.CANCELLED
        return read_answer(result)
    return Answer.TIMED_OUT


def can_ask(context: Context) -> bool:
    """Say whether the client declares that it can show its user a form."""
    declared = context.session.client_capabilities
    elicitation = declared.elicitation if declared is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def form(question: str) -> ElicitRequestFormParams:
    """Write the question as a form."""
    return ElicitRequestFormParams(message=question, requested_schema=FORM)


def read_answer(result: ElicitResult) -> Answer:
    """Read what the user did; an acceptance without the answer asked for is none."""
    if result.action != "accept":
        return Answer.DECLINED if result.action == "decline" else Answer.CANCELLED
    answer = (result.content or {}).get(FIELD)
    if not isinstance(answer, bool):
        return Answer.CANCELLED
    return Answer.YES if answer else Answer.NO


def name_question(question: str) -> str:
    """Name a question by its words: asked again in the next round, it is the same one."""
    return f"question-{hashlib.sha256(question.encode()).hexdigest()[:16]}"
