"""The edge: what callers send is checked whole before anything is written, and refused in words."""

import hashlib
import json
import re
from collections.abc import Sequence

from chat_memory.errors import (
    AmbiguousTextError,
    EmptyTextError,
    ForbiddenCharacterError,
    TooLargeError,
    TooManyMessagesError,
    WrongArgumentError,
)
from chat_memory.models import (
    CALL_BYTES,
    CALL_MESSAGES,
    CHAT_ID_BYTES,
    IDEMPOTENCY_KEY_BYTES,
    QUERY_BYTES,
    TURN_BYTES,
    Message,
    NewTurn,
    Role,
)
from chat_memory.prompts.proof import VALUE_CHARS
from chat_memory.prompts.wanted import CALL_VERDICTS, LAST_NUMBER, Confirmation, Correction, Verdicts
from chat_memory.prompts.words import plain

LABEL = re.compile(r"^(user|assistant|tool|system|note):[ \t]?", re.IGNORECASE | re.MULTILINE | re.ASCII)
ANY_LABEL = re.compile(
    r"(?:^|(?<=[\n\r\u2028\u2029\x0b\x0c\x85]))[^\w\n]{0,8}"
    r"(?:[^\W\d_][\w.'()-]{0,20}(?: [\w.'()-]{1,20}){0,2}[^\w\n:]{0,4}(?:\uff1a|:[^\w\s]{0,4}(?=\s|$))"
    r"|(?:user|human|assistant|ai|bot|model|system|tool|claude|chatgpt|gpt)\b[^\w\n]{0,4}(?=[\n\r]|$))",
    re.IGNORECASE,
)
"""A line that begins as somebody's words might: `AI:`, `**Assistant:**`, `### Assistant`, `<assistant>`, `Eve:`."""
FORBIDDEN = re.compile("[\x00\ud800-\udfff]")


def check_chat_id(chat_id: str, field: str = "chat_id") -> str:
    """Return the chat id, given as `field`, unchanged if it can name a chat.

    Raises:
        InvalidInputError: empty, over 512 bytes, or with a character PostgreSQL cannot store.
    """
    check_storable(field, chat_id)
    _check_size(field, chat_id, CHAT_ID_BYTES, "use a shorter id, such as a UUID or a hash of yours")
    return chat_id


def check_key(idempotency_key: str) -> str:
    """Return the idempotency key unchanged if it can be kept; empty means none."""
    if idempotency_key:
        check_storable("idempotency_key", idempotency_key)
        _check_size("idempotency_key", idempotency_key, IDEMPOTENCY_KEY_BYTES, "use a shorter key, such as a UUID")
    return idempotency_key


def check_query(query: str) -> str:
    """Return the query unchanged if it can be searched for; blank means none.

    Raises:
        InvalidInputError: over 4 KiB, or with a character no turn can hold.
    """
    if query.strip():
        check_storable("query", query)
        _check_size("query", query, QUERY_BYTES, "ask in fewer words")
    return query.strip()


def read_turns(messages: Sequence[Message], snippet: str) -> list[NewTurn]:
    """Turn what a caller sent into the turns to write, in order.

    Raises:
        InvalidInputError: neither or both were given, or one of them is empty, too large or cannot be stored.
    """
    if bool(messages) == bool(snippet):
        raise AmbiguousTextError(seen="both were given" if messages else "neither was given")
    field = "snippet" if snippet else "messages"
    if snippet:
        check_storable(field, snippet)
        _check_size(field, snippet, CALL_BYTES, "split it over several calls")
    turns = split_snippet(snippet) if snippet else [attest(message) for message in messages]
    if not turns:
        raise EmptyTextError(field=field)
    if len(turns) > CALL_MESSAGES:
        raise TooManyMessagesError(field=field, size=len(turns), limit=CALL_MESSAGES)
    for place, turn in enumerate(turns):
        name = f"{field}[{place}].content" if messages else field
        check_storable(name, turn.content)
        _check_size(name, turn.content, TURN_BYTES, "split it over several messages")
    _check_size(field, "".join(turn.content for turn in turns), CALL_BYTES, "split it over several calls")
    return turns


def attest(message: Message) -> NewTurn:
    """Take the caller's word for the role: a `user` message is attested by being sent as one."""
    return NewTurn(message.role, message.content, attested=message.role == "user")


def split_snippet(snippet: str) -> list[NewTurn]:
    """Split free text at its labels.

    Only a `User:` block that opens the text is attested, up to the first line that might be another's: a later label
    cannot be told from text inside another turn. Without a label at its start the text is one note, up to the first
    label. A label with nothing behind it says nothing.
    """
    marks = list(LABEL.finditer(snippet))
    if not marks:
        return [NewTurn("note", snippet, attested=False)]
    turns: list[NewTurn] = []
    opening = snippet[: marks[0].start()]
    if opening.strip():
        turns.append(NewTurn("note", opening.removesuffix("\n"), attested=False))
    ends = [mark.start() for mark in marks[1:]] + [len(snippet)]
    for mark, end in zip(marks, ends, strict=True):
        role: Role = mark[1].lower()  # type: ignore[assignment] # the pattern names roles only
        content = snippet[mark.end() : end]
        content = content.removesuffix("\n") if end < len(snippet) else content
        if role == "user" and mark.start() == 0:
            turns.extend(_attest_opening(content))
        else:
            turns.append(NewTurn(role, content, attested=False))
    return [turn for turn in turns if turn.content.strip()]


def _attest_opening(content: str) -> list[NewTurn]:
    """Attest the user's words up to the first line that might be another's; from there on it is a note."""
    other = ANY_LABEL.search(content, 1)
    if other is None:
        return [NewTurn("user", content, attested=True)]
    own, rest = content[: other.start()].removesuffix("\n"), content[other.start() :]
    opening = [NewTurn("user", own, attested=True)] if own.strip() else []
    return [*opening, NewTurn("note", rest, attested=False)]


def read_verdicts(
    confirm: Sequence[Confirmation], correct: Sequence[Correction], reject: Sequence[str], restore: int
) -> Verdicts:
    """Take what a caller wants of a memory for what it says.

    Raises:
        InvalidInputError: nothing is asked for, one fact is named twice, or what is named cannot be.
    """
    wanted = Verdicts(confirm=tuple(confirm), correct=tuple(correct), reject=tuple(dict.fromkeys(reject)))
    named = [*(one.id for one in (*confirm, *correct)), *wanted.reject]
    if not named and not restore:
        raise WrongArgumentError(field="revise_memory", problem="it names no fact to confirm, correct or reject")
    if len(named) > CALL_VERDICTS:
        raise TooManyMessagesError(field="revise_memory", size=len(named), limit=CALL_VERDICTS)
    if twice := [fact_id for fact_id in named if named.count(fact_id) > 1]:
        raise WrongArgumentError(field=repr(twice[0][:40]), problem="two verdicts name it")
    for number in (restore, *(one.seq for one in (*confirm, *correct))):
        if not 0 <= number <= LAST_NUMBER:
            raise WrongArgumentError(field="restore or seq", problem=f"{number} is no number from 0 to {LAST_NUMBER}")
    _check_words(wanted)
    return wanted


def _check_words(wanted: Verdicts) -> None:
    proven = [*wanted.confirm, *wanted.correct]
    for text in [*(one.id for one in proven), *wanted.reject, *(one.quote for one in proven if one.quote)]:
        check_storable("id or quote", text)
    for one in wanted.correct:
        check_storable("value", one.value if one.quote else plain(one.value))
        if len(one.value) > VALUE_CHARS:
            raise WrongArgumentError(field="value", problem=f"it is longer than {VALUE_CHARS} characters")


def hash_request(turns: Sequence[NewTurn]) -> bytes:
    """Fingerprint a body, so that one idempotency key cannot stand for two."""
    body = [[turn.role, turn.attested, turn.content] for turn in turns]
    return hashlib.sha256(json.dumps(body, ensure_ascii=False).encode()).digest()


def check_storable(field: str, text: str) -> None:
    """Refuse text that PostgreSQL cannot store, or that says nothing.

    Raises:
        InvalidInputError: names the field, and where in it.
    """
    found = FORBIDDEN.search(text)
    if found:
        what = "a NUL character" if found[0] == "\x00" else "half of a surrogate pair"
        raise ForbiddenCharacterError(field=field, what=what, position=found.start())
    if not text.strip():
        raise EmptyTextError(field=field)


def _check_size(field: str, text: str, limit: int, remedy: str) -> None:
    size = len(text.encode())
    if size > limit:
        raise TooLargeError(field=field, size=size, limit=limit, remedy=remedy)
