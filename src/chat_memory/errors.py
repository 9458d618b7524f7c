"""Everything that can go wrong by design. A docstring is the message; `{names}` are filled by the raiser.

ChatMemoryError
├── InvalidInputError                what the caller sent cannot be stored: nothing was written
│   ├── EmptyTextError
│   ├── ForbiddenCharacterError
│   ├── TooLargeError
│   ├── TooManyMessagesError
│   ├── UnknownArgumentError
│   ├── WrongArgumentError
│   ├── AmbiguousTextError
│   ├── UnnamedChatsError
│   ├── BackwardRangeError
│   ├── PastQueryError
│   └── TooManyWatchesError
├── IdempotencyConflictError         one key, two different bodies
├── UnknownChatError
├── UnknownVersionError
├── ContinueError                    a chat cannot begin with what another holds
│   ├── BegunOtherwiseError
│   ├── UnfoldedChatError
│   └── NothingToCarryError
├── VerdictError                     a verdict on the memory that was not taken
│   ├── UnknownFactError
│   ├── UnprovenVerdictError
│   ├── InstructionVerdictError
│   ├── UnconfirmedVerdictError
│   ├── ChangedMemoryError
│   ├── FullRejectionsError
│   └── FullMemoryError
├── OwnerMismatchError               a row that is not the caller's: never shown
├── SettingsError                    the process was configured wrongly
│   ├── UnknownSettingError
│   ├── InvalidSettingError
│   ├── NoKeyError
│   └── NoProviderError
├── DatabaseError                    the database cannot be used (yet)
│   ├── DatabaseUnreachableError
│   ├── UnsafeDurabilityError
│   ├── NewerSchemaError
│   ├── OldServerError
│   ├── IsolationError
│   ├── ChatBusyError
│   ├── LedgerBusyError
│   ├── RefusedStatementError
│   ├── LostStatementError
│   ├── UnreachableBellError
│   └── SilentBellError
├── EmbeddedServerError              our own PostgreSQL could not be started
│   ├── NoBinariesError
│   ├── NoAccountError
│   ├── UnusableFolderError
│   ├── WrongMajorVersionError
│   └── StartFailedError
├── StartFaultError                  a fault of ours while starting
├── FoldError                        a fold failed; its turns stay pending
│   ├── RejectedDeltaError
│   ├── LostLeaseError
│   └── ModelError                   the model gave no delta
│       ├── ModelRefusedError        and will not until somebody acts
│       ├── ModelBusyError           and said when to ask again
│       ├── ModelFailedError
│       │   └── ModelOutageError     nothing came back at all
│       │       └── ModelTimeoutError
│       ├── ModelAnswerError
│       ├── ModelAvoidedError        it was not asked: this chat was given up by it before
│       └── BudgetSpentError
├── ServeError                       `chat-memory serve` cannot serve here
│   ├── OpenDoorError
│   └── AddressError
├── RequestError                     an HTTP request that is not let in
│   ├── ForeignHostError
│   ├── ForeignOriginError
│   ├── MediaTypeError
│   ├── BodyTooLargeError
│   ├── NotJsonError
│   ├── UnknownPathError
│   ├── NoSessionError
│   ├── NoRoomError
│   ├── WrongIdError
│   ├── IdInUseError
│   └── UnauthenticatedError
├── CheckupError                     what doctor found
│   ├── FailedChatsError
│   └── ProbeFailedError
└── DemoError                        the demo could not show what it is for
    ├── UnreadableLineError
    ├── NoPosixError
    └── BrokenPromiseError
"""

import inspect


class ChatMemoryError(Exception):
    """Chat memory failed."""

    def __init__(self, **facts: object) -> None:
        """Fill the class docstring with `facts` and make it the message."""
        self.facts = facts
        super().__init__(inspect.cleandoc(type(self).__doc__ or "").format(**facts))


class InvalidInputError(ChatMemoryError):
    """{field} is not valid."""


class EmptyTextError(InvalidInputError):
    """{field} is empty: send at least one character that is not white space."""


class ForbiddenCharacterError(InvalidInputError):
    """{field} has {what} at character {position}: PostgreSQL cannot store it. Remove it and send the call again."""


class TooLargeError(InvalidInputError):
    """{field} is {size} bytes of UTF-8, the limit is {limit}: {remedy}."""


class TooManyMessagesError(InvalidInputError):
    """{field} has {size} items, the limit is {limit}: split them over several calls."""


class UnknownArgumentError(InvalidInputError):
    """{tool} has no argument {argument!r}: did you mean {nearest!r}? It takes {known}."""


class WrongArgumentError(InvalidInputError):
    """{field}: {problem}. Nothing was written: correct it and call again."""


class AmbiguousTextError(InvalidInputError):
    """Send either messages or snippet: {seen}."""


class UnnamedChatsError(InvalidInputError):
    """{problem}: name chats as `chat-memory failed list` prints them, or queue_ids of receipts, or say --all. Nothing was changed."""


class BackwardRangeError(InvalidInputError):
    """since={since} comes after version={version}: changes are told from the older one to the newer. Swap the two numbers."""


class PastQueryError(InvalidInputError):
    """query searches the chat as it is now, and {past} asks for its past: call once with query, and once without."""


class TooManyWatchesError(InvalidInputError):
    """One subscriber watches at most {limit} chats: stop watching some of them first."""


class IdempotencyConflictError(ChatMemoryError):
    """idempotency_key {key!r} was used in this chat for another body: use a new key for new text. Nothing was written."""


class UnknownChatError(ChatMemoryError):
    """Chat {chat_id!r} does not exist: write to it with update_memory first, or call get_memory without chat_id to list chats."""


class UnknownVersionError(ChatMemoryError):
    """Chat {chat_id!r} has no version {version}: it has {known}. Call get_memory with detail="versions" to see what each changed."""


class ContinueError(ChatMemoryError):
    """Chat {chat_id!r} cannot be continued."""


class BegunOtherwiseError(ContinueError):
    """Chat {chat_id!r} began {how}: only the first update_memory of a chat may name continue_from. Nothing was written: send this again without it, or with a new chat_id."""


class UnfoldedChatError(ContinueError):
    """{pending} turns of chat {chat_id!r} are not in its memory yet. Nothing was written: call summarize on it, then send this again."""


class NothingToCarryError(ContinueError):
    """Chat {chat_id!r} has no memory to carry over. Nothing was written: send this again without continue_from."""


class VerdictError(ChatMemoryError):
    """The verdict was not taken. Nothing was written."""


class UnknownFactError(VerdictError):
    """There is no fact {id!r} now{became}. Nothing was written: call get_memory with detail="evidence" for the ids of facts, or with detail="versions" for what became of one."""


class UnprovenVerdictError(VerdictError):
    """{id} is not {verdict}: {reason}. Nothing was written: name the user turn (seq) and the whole sentence of it (quote) that says so, or leave both out to have the user asked."""


class InstructionVerdictError(VerdictError):
    """{id} is not {verdict}: it reads like an instruction to a model ({reason}). Nothing was written: give what is true as a fact."""


class UnconfirmedVerdictError(VerdictError):
    """Nothing was written: {reason}. {remedy}"""


class ChangedMemoryError(VerdictError):
    """The memory changed while the user was asked. Nothing was written: call again, so that the user is asked about what it holds now."""


class FullRejectionsError(VerdictError):
    """This chat keeps {limit} rejected facts, and no more. Nothing was written: correct facts instead, or go on in a new chat."""


class FullMemoryError(VerdictError):
    """The memory has no room for this: {needed} tokens, its cap has {room}. Nothing was written: reject facts that are not needed, in the same call."""


class OwnerMismatchError(ChatMemoryError):
    """The stored chat belongs to another owner: the database was changed by hand. Use another chat_id, and tell its operator."""


class SettingsError(ChatMemoryError):
    """The settings cannot be used."""


class UnknownSettingError(SettingsError):
    """Unknown setting {name}: did you mean {nearest}? `chat-memory doctor --settings` lists them all."""


class InvalidSettingError(SettingsError):
    """{name} cannot be {value!r}: {problem}. {name}: {meaning}"""


class NoKeyError(SettingsError):
    """CHAT_MEMORY_SUMMARIZER is claude, but no credential was found: set ANTHROPIC_API_KEY, or CHAT_MEMORY_SUMMARIZER=auto to go without a model until there is one."""


class NoProviderError(SettingsError):
    """No client for the Messages API can be made ({kind}): check ANTHROPIC_BASE_URL, and HTTPS_PROXY, HTTP_PROXY and ALL_PROXY."""


class DatabaseError(ChatMemoryError):
    """The database cannot be used."""


class DatabaseUnreachableError(DatabaseError):
    """No PostgreSQL answers at {where}: {reason}. Check CHAT_MEMORY_DATABASE_URL, or unset it to use the embedded server."""


class UnsafeDurabilityError(DatabaseError):
    """{setting} is off in this PostgreSQL: acknowledged writes could be lost. Turn it on, or set CHAT_MEMORY_ALLOW_UNSAFE_DURABILITY=true."""


class NewerSchemaError(DatabaseError):
    """The database has migration {found}, this program knows up to {known}: install the newer chat-memory, or use another database."""


class OldServerError(DatabaseError):
    """PostgreSQL {found} is too old: chat-memory needs {needed} or newer. Upgrade it, or unset CHAT_MEMORY_DATABASE_URL to use the embedded server."""


class IsolationError(DatabaseError):
    """default_transaction_isolation is {found!r} behind this pooler, and our locking needs read committed: `alter role {role} set default_transaction_isolation = 'read committed'`, then RECONNECT."""


class ChatBusyError(DatabaseError):
    """Another process has held this chat for more than 15 seconds. Nothing was written: call again in a moment."""


class LedgerBusyError(DatabaseError):
    """More is coming in than the database takes. Nothing was written: call again in {seconds:.0f} s."""


class RefusedStatementError(DatabaseError):
    """PostgreSQL refused a statement: {reason}. Nothing of its transaction was written."""


class LostStatementError(DatabaseError):
    """A pooler in front of PostgreSQL lost a prepared statement ({reason}): set CHAT_MEMORY_PREPARED_STATEMENTS=off. Nothing of its transaction was written."""


class UnreachableBellError(DatabaseError):
    """No PostgreSQL answers at {where}, where changes are listened for: {reason}. Check CHAT_MEMORY_LISTEN_URL. Until then changes are found by polling."""


class SilentBellError(DatabaseError):
    """No change announced through {where} was heard at {listening} within {seconds:.0f} s. Set CHAT_MEMORY_LISTEN_URL to the same database without a pooler between. Until then changes are found by polling."""


class EmbeddedServerError(ChatMemoryError):
    """The embedded PostgreSQL cannot be used."""


class NoBinariesError(EmbeddedServerError):
    """No PostgreSQL binaries for this platform ({platform}): set CHAT_MEMORY_DATABASE_URL to a PostgreSQL 15 or newer, such as postgresql://user:password@host:5432/name."""


class NoAccountError(EmbeddedServerError):
    """No OS user can run the embedded PostgreSQL: {reason}. Run chat-memory as an ordinary user with a name, or set CHAT_MEMORY_DATABASE_URL to a PostgreSQL 15 or newer."""


class UnusableFolderError(EmbeddedServerError):
    """The data folder {folder} cannot be used: {reason}. {remedy}"""


class WrongMajorVersionError(EmbeddedServerError):
    """The data folder {folder} was made by PostgreSQL {found}, this program has {expected}: {remedy}"""


class StartFailedError(EmbeddedServerError):
    """The embedded PostgreSQL in {folder} did not start: {reason}. Its log is {log}."""


class StartFaultError(ChatMemoryError):
    """chat-memory could not start because of a fault of its own ({kind}). Its log names the place: please report it."""


class FoldError(ChatMemoryError):
    """A fold failed; its turns stay pending."""


class RejectedDeltaError(FoldError):
    """The summarizer's answer was refused: {reason}."""


class LostLeaseError(FoldError):
    """The lease was lost to another worker; its fold stands, this one was dropped."""


class ModelError(FoldError):
    """The model gave no answer that can be folded; its turns stay pending."""


class ModelRefusedError(ModelError):
    """{provider} refused the key or the model {model!r} (HTTP {status}): check ANTHROPIC_API_KEY, its credit, ANTHROPIC_BASE_URL and CHAT_MEMORY_MODEL, then run `chat-memory doctor`. Until then memory is made by extraction."""


class ModelBusyError(ModelError):
    """{provider} takes no requests now ({reason}): it is asked again in {seconds:.0f} s. Nothing is lost: get_memory shows the turns as pending."""

    @property
    def seconds(self) -> float:
        """How long to wait before the model is asked again."""
        return float(str(self.facts["seconds"]))


class ModelFailedError(ModelError):
    """{provider} gave no answer: {reason}. The fold is tried again; get_memory shows the turns as pending."""


class ModelOutageError(ModelFailedError):
    """{provider} gave no answer: {reason}. The fold is tried again; get_memory shows the turns as pending."""


class ModelTimeoutError(ModelOutageError):
    """{provider} gave no answer: {reason}. The fold is tried again; get_memory shows the turns as pending."""


class ModelAnswerError(ModelError):
    """The answer of {model!r} cannot be used: {reason}. The fold is tried again; get_memory shows the turns as pending."""


class ModelAvoidedError(ModelError):
    """The model was not asked: {reason}."""


class BudgetSpentError(ModelError):
    """Today's model budget of {budget} USD is spent ({spent:.4f} USD): until 0:00 UTC memory is made by extraction. Raise CHAT_MEMORY_DAILY_BUDGET_USD to go on with the model."""


class ServeError(ChatMemoryError):
    """chat-memory cannot serve HTTP."""


class OpenDoorError(ServeError):
    """{host} can be reached from other machines, and whoever reaches the server reads and writes every chat: it has no authentication yet. Listen on 127.0.0.1 and put a reverse proxy that authenticates in front of it."""


class AddressError(ServeError):
    """Cannot listen on {host}:{port}: {reason}. End the program that uses it, or choose another port: chat-memory serve --port 8001."""


class RequestError(ChatMemoryError):
    """An HTTP request was refused."""


class ForeignHostError(RequestError):
    """The Host header {host!r} is not allowed here. Use http://127.0.0.1, or name the host in CHAT_MEMORY_ALLOWED_HOSTS."""


class ForeignOriginError(RequestError):
    """The Origin {origin!r} is not allowed here: no web page may call this server unless CHAT_MEMORY_ALLOWED_ORIGINS names its origin."""


class MediaTypeError(RequestError):
    """Send the body as Content-Type: application/json, in UTF-8. Got {seen!r}."""


class BodyTooLargeError(RequestError):
    """The body is over {limit} bytes, more than the largest call takes: split it over several calls."""


class NotJsonError(RequestError):
    """The body is not JSON in UTF-8: {problem}. Nothing was written: correct it and send it again."""


class UnknownPathError(RequestError):
    """There is nothing at {path!r}: MCP is served at /mcp."""


class NoSessionError(RequestError):
    """{what} needs a session: send initialize first, and the Mcp-Session-Id it answers with every request after. When the answer has none, the server is full: try again later."""


class NoRoomError(RequestError):
    """{what} needs a session, and this server has as many as it takes: send initialize again later, or look for changes with get_memory. Calls need no session."""


class WrongIdError(RequestError):
    """The id of a request must be a string or an integer: give {what} one and send it again, or leave the id out of what wants no answer."""


class IdInUseError(RequestError):
    """The id {request_id!r} belongs to a request of this session that is not answered yet: send this one again under an id of its own."""


class UnauthenticatedError(RequestError):
    """This call brought no valid credential: send Authorization: Bearer with a token of yours."""


class CheckupError(ChatMemoryError):
    """Something is wrong with this installation."""


class FailedChatsError(CheckupError):
    """{counts}. Failed chats wait for help: `chat-memory failed list` says why, `chat-memory failed redrive` tries them again."""


class ProbeFailedError(CheckupError):
    """The probe chat was not folded: it reads version {version} with {pending} turns pending. The log on stderr names the reason."""


class DemoError(ChatMemoryError):
    """The demo failed: {reason}."""


class UnreadableLineError(DemoError):
    """{file}, line {number}: {problem}. Each line is one JSON object such as {{"role": "user", "content": "Hello"}}, role one of {roles}."""


class NoPosixError(DemoError):
    """The demo kills its server with SIGKILL, which Windows has not: run it on Linux, macOS or WSL. All other commands work here."""


class BrokenPromiseError(DemoError):
    """The demo found {count}: see the lines above. Please report them with this version, {version}."""
