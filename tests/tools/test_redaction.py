"""Redaction: secrets always, personal data where it is asked for, and what is left of a fact afterwards."""

import re
from dataclasses import replace
from typing import Literal

import anyio
import anyio.lowlevel
import pytest

from chat_memory.errors import IdempotencyConflictError, OwnerMismatchError, UnknownChatError
from chat_memory.models import Caller, Message, NewTurn, chat_key
from chat_memory.prompts import pacing
from chat_memory.prompts.wanted import Confirmation, Correction
from chat_memory.replies import Evidence, HistoryReply, MemoryReply
from chat_memory.settings import Settings
from chat_memory.storage import chat_work, lives, redaction_salts
from chat_memory.storage.database import transaction
from chat_memory.tools import redaction
from chat_memory.tools.forget import forget
from chat_memory.tools.get_history import get_history
from chat_memory.tools.get_memory import read_memory
from chat_memory.tools.intake import hash_request
from chat_memory.tools.placeholders import PLACEHOLDER, Stretch, merge, replace_stretches
from chat_memory.tools.redaction import find_private
from chat_memory.tools.revise_memory import revise_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory
from tests.chats import until_somebody_waits
from tests.growth import LINEAR, growth

DRAWN = "Ab3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7bC9"
"""Looks random, opens nothing."""
PASSWORD = "hunter" + "2"


@pytest.fixture
def strict(box: Toolbox) -> Toolbox:
    """The same toolbox with the strict setting."""
    return replace(box, settings=Settings(redact="pii"))


def user(*contents: str) -> list[Message]:
    return [Message(role="user", content=content) for content in contents]


def contents(reply: HistoryReply | MemoryReply) -> list[str]:
    return [turn.content for turn in (reply.turns if isinstance(reply, HistoryReply) else reply.pending_turns)]


def bare(text: str) -> str:
    """Write a text with what its placeholders have in common."""
    return PLACEHOLDER.sub(lambda match: f"[{match[0][1:].rpartition('_')[0]}]", text)


async def stored(box: Toolbox, caller: Caller, text: str) -> str:
    """Say something in a chat of its own and read it back."""
    await update_memory(box, caller, f"chat {text}"[:40], user(text))
    return contents(await get_history(box, caller, f"chat {text}"[:40]))[-1]


async def test_secrets_give_way_and_personal_data_stays_by_default(box: Toolbox, alice: Caller) -> None:
    """Fails when update_memory appends what was said in place of what redact returns."""
    text = f"write to ada@example.org, the password is {PASSWORD}!"
    assert bare(await stored(box, alice, text)) == "write to ada@example.org, the password is [PASSWORD]!"


async def test_personal_data_gives_way_where_it_is_asked_for(strict: Toolbox, alice: Caller) -> None:
    """Fails when redact does not look at the setting."""
    text = "ada@example.org, +44 20 7946 0958, card 4111 1111 1111 1111"
    assert bare(await stored(strict, alice, text)) == "[EMAIL], [PHONE], card [CARD]"


async def test_one_value_of_one_chat_has_one_placeholder(strict: Toolbox, alice: Caller) -> None:
    """However it is written, and in which call; without the salt another chat would have the same one."""
    await update_memory(strict, alice, "a", user("ada@example.org", "call (212) 456-7890"))
    await update_memory(strict, alice, "a", user("ADA@Example.org", "call +1 212 456 7890", "eve@example.org"))
    email, phone, same_email, same_phone, other = contents(await get_history(strict, alice, "a"))
    assert (same_email, same_phone) == (email, phone)
    assert other != email
    await update_memory(strict, alice, "b", user("ada@example.org"))
    assert contents(await get_history(strict, alice, "b")) != [email]


async def test_a_receipt_counts_by_kind(strict: Toolbox, alice: Caller) -> None:
    said = user("a@example.org and b@example.org", f"password: {PASSWORD}")
    assert (await update_memory(strict, alice, "a", said)).redacted == {"email": 2, "password": 1}
    assert (await update_memory(strict, alice, "a", user("nothing to hide"))).redacted is None


async def salts(box: Toolbox) -> int:
    async with box.db.session() as session:
        return int(await session.connection.fetchval("select count(*) from chat_memory.redaction_salts"))


async def test_a_call_with_nothing_private_asks_for_no_salt(box: Toolbox, alice: Caller) -> None:
    """Fails without the early return of redact: every write would cost a statement more."""
    await update_memory(box, alice, "a", user("nothing to hide"))
    assert await salts(box) == 0
    await update_memory(box, alice, "a", user(f"password: {PASSWORD}"))
    assert await salts(box) == 1


async def test_a_retry_is_the_same_request_and_another_secret_another(box: Toolbox, alice: Caller) -> None:
    """The hash is of the redacted turns: one of the text itself would let its reader try passwords."""
    first = await update_memory(box, alice, "a", user(f"password: {PASSWORD}"), idempotency_key="k")
    again = await update_memory(box, alice, "a", user(f"password: {PASSWORD}"), idempotency_key="k")
    assert (again.seq, again.redacted) == (first.seq, {"password": 1})
    with pytest.raises(IdempotencyConflictError):
        await update_memory(box, alice, "a", user("password: another1"), idempotency_key="k")
    (kept,) = contents(await get_history(box, alice, "a"))
    async with box.db.session() as session:
        written = await session.connection.fetchval("select request_hash from chat_memory.receipts")
    assert written == hash_request([NewTurn("user", kept, attested=True)])


async def test_a_secret_is_in_no_table_and_no_log(
    box: Toolbox, alice: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    """Fails when anything of the call is written before redact, or beside it."""
    await update_memory(box, alice, "a", user(f"my password is {PASSWORD}, keep it"), idempotency_key="k")
    await summarize(box, alice, "a")
    async with box.db.session() as session:
        tables = await session.connection.fetch(
            "select relname from pg_class where relnamespace = 'chat_memory'::regnamespace and relkind in ('r', 'v')"
        )
        rows = [
            row["text"]
            for table in tables
            for row in await session.connection.fetch(f"select t::text as text from chat_memory.{table['relname']} t")  # noqa: S608 - from the catalogue
        ]
    assert any("PASSWORD_" in row for row in rows)
    assert [row for row in rows if PASSWORD in row] == []
    assert PASSWORD not in "".join(capfd.readouterr())


async def test_forgetting_takes_the_salt_along(box: Toolbox, alice: Caller) -> None:
    """Without it in lives.DELETIONS a chat of the same name would tell that the same value was said before."""
    await update_memory(box, alice, "a", user(f"password: {PASSWORD}"))
    before = contents(await get_history(box, alice, "a"))
    assert (await forget(box, alice, "a")).deleted["salts"] == 1
    await update_memory(box, alice, "a", user(f"password: {PASSWORD}"))
    assert contents(await get_history(box, alice, "a")) != before


async def test_forgetting_takes_a_salt_whose_first_call_was_never_written(box: Toolbox, alice: Caller) -> None:
    """Fails when lives.forget leaves at once for a chat without turns."""
    await redaction_salts.read_salt(box.db, chat_key("alice", "a"), "alice")
    assert (await forget(box, alice, "a")).deleted["salts"] == 1
    assert await salts(box) == 0


async def test_a_salt_of_another_owner_is_not_used(box: Toolbox, alice: Caller) -> None:
    """Fails without check_owner in read_salt: the key alone is not trusted."""
    await redaction_salts.read_salt(box.db, chat_key("alice", "a"), "mallory")
    with pytest.raises(OwnerMismatchError):
        await update_memory(box, alice, "a", user(f"password: {PASSWORD}"))


async def test_calls_of_one_moment_share_one_salt(box: Toolbox) -> None:
    """Without `on conflict do nothing` the second would fail, without reading again it would use its own."""
    seen: set[bytes] = set()

    async def ask() -> None:
        seen.add(await redaction_salts.read_salt(box.db, chat_key("alice", "a"), "alice"))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(ask)
    assert [len(salt) for salt in seen] == [redaction_salts.SALT_BYTES]


async def test_who_said_what_is_decided_before_redaction(box: Toolbox, alice: Caller) -> None:
    """A secret that runs over a label swallows it only after the snippet was split."""
    snippet = f"User: the key is below\nAssistant: password:\nUser: {PASSWORD}"
    await update_memory(box, alice, "a", snippet=snippet)
    turns = (await get_history(box, alice, "a")).turns
    assert [(turn.role, turn.attested) for turn in turns] == [("user", True), ("assistant", False), ("user", False)]


async def test_a_private_key_cut_in_two_by_a_label_is_redacted_in_both(box: Toolbox, alice: Caller) -> None:
    """Fails without _cut_off: the line `Proc-Type:` of an old key reads as somebody else's label."""
    lines = ("-----BEGIN RSA " + "PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "", DRAWN, DRAWN)
    key = "\n".join([*lines, "-----END RSA " + "PRIVATE KEY-----"])
    await update_memory(box, alice, "a", snippet=f"User: here it is\n{key}\nbye")
    said = contents(await get_history(box, alice, "a"))
    assert len(said) == 2, "the snippet is split at the label"
    assert DRAWN not in "".join(said)
    assert said[-1].endswith("]\nbye")


async def test_text_that_looks_like_a_placeholder_is_text(strict: Toolbox, alice: Caller) -> None:
    """Nothing is ever put back, so a made-up one stands for nothing."""
    text = "password: [PASSWORD_00000000], and [EMAIL_00000000]"
    receipt = await update_memory(strict, alice, "a", user(text))
    assert (contents(await get_history(strict, alice, "a")), receipt.redacted) == ([text], None)


@pytest.mark.parametrize(("redact", "weight"), [("secrets", 1), ("pii", redaction.PERSONAL_WEIGHT)])
async def test_a_long_text_is_searched_beside_the_event_loop(
    box: Toolbox, alice: Caller, redact: Literal["secrets", "pii"], weight: int
) -> None:
    """Without run_paced one large turn would hold up every other call; without the weight a list of numbers would."""
    box = replace(box, settings=Settings(redact=redact))
    done: list[str] = []

    async def write(chat_id: str, text: str) -> None:
        await update_memory(box, alice, chat_id, user(text))
        done.append(chat_id)

    async with redaction.THREADS, anyio.create_task_group() as group:
        group.start_soon(write, "long", "x" * (pacing.THREAD_CHARACTERS // weight))
        await write("short", "x")
        await anyio.lowlevel.checkpoint()
        assert done == ["short"]
        redaction.THREADS.total_tokens += 1
    redaction.THREADS.total_tokens -= 1
    assert done == ["short", "long"]


async def test_a_long_write_does_not_wait_for_folds(box: Toolbox, alice: Caller) -> None:
    """Hangs when redaction shares the folds' thread: a writer would wait for as many folds as are before it."""
    async with pacing.THREADS:
        await update_memory(box, alice, "a", user("x" * pacing.THREAD_CHARACTERS))


HOSTILE = [
    *(
        "a",
        "1",
        "1 ",
        "-",
        "a@",
        "a.",
        "@",
        "1.",
        "1-",
        "(1",
        "+1",
        ":",
        "a:",
        "0:",
        ".1",
        "A1",
        "[",
        "'",
        '"',
        "\\",
        "=",
    ),
    *(
        "password",
        "password ",
        "password: ",
        "password is ",
        "password for ",
        "pass:word=",
        "token ",
        "secret=",
        "api key",
    ),
    *("sk-", "eyJ", "eyJhbGciOiJ.", "bearer ", "authorization: ", "://", "://a:", "://a:b@", "https://a:b"),
    *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "-----BEGIN ", "\n", "a\n", "AA11", "GB82WEST", "::"),
    *(
        "555-123-4567 ",
        "4111 1111 1111 1111 ",
        "1.2.3.4 ",
        "call 12345678 ",
        "[EMAIL_00000000]",
        "ssn ",
        "ab12cd34ef56gh78 ",
    ),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    """An unbounded gap in a pattern makes this fail: `_BARE_SSN` without its 40 characters."""
    assert growth(lambda size: find_private([piece * (size // len(piece)) + "1"], personal=True), 4000) < LINEAR


SECRETS = [
    (f"use {'sk'}-proj-{DRAWN} please", "use [API_KEY] please"),
    (f"{'gh'}p_{DRAWN[:36]}", "[API_KEY]"),
    (f"id {'AK'}IA{'IOSFODNN7EXAMPLQ'}.", "id [API_KEY]."),
    (f"{'AI'}za{DRAWN[:35]}", "[API_KEY]"),
    (f"{'xo'}xb-123456789012-{DRAWN[:12]}", "[API_KEY]"),
    (f"{'sk_li'}ve_{DRAWN[:24]}", "[API_KEY]"),
    (f"it is {'ey'}JhbGciOiJIUzI1NiJ9.{'ey'}JzdWIiOiIxIn0.{DRAWN}, yes", "it is [TOKEN], yes"),
    (f'curl -H "Authorization: Bearer {DRAWN}" x', 'curl -H "Authorization: Bearer [TOKEN]" x'),
    (f"https://{DRAWN}@git.example.org/x", "https://[TOKEN]@git.example.org/x"),
    (f"postgresql://ada:{PASSWORD}@db.example.org/x", "postgresql://ada:[PASSWORD]@db.example.org/x"),
    (f"my password is {PASSWORD}.", "my password is [PASSWORD]."),
    ("the password for the lab is swordfish.", "the password for the lab is [PASSWORD]."),
    ("Password: monkey", "Password: [PASSWORD]"),
    ("Password: sword fish", "Password: [PASSWORD] fish"),
    ('{"password": "sword fish", "user": "ada"}', '{"password": "[PASSWORD]", "user": "ada"}'),
    (f"**Password:** {PASSWORD}", "**Password:** [PASSWORD]"),
    (f"| Password | {PASSWORD} |", "| Password | [PASSWORD] |"),
    (f"<password>{PASSWORD}</password>", "<password>[PASSWORD]</password>"),
    (f"use password {PASSWORD} to log in", "use password [PASSWORD] to log in"),
    (f"the password (for admin) is: {PASSWORD}", "the password (for admin) is: [PASSWORD]"),
    (f"the password\u2019s {PASSWORD}", "the password\u2019s [PASSWORD]"),
    (f"PW: {PASSWORD}", "PW: [PASSWORD]"),
    (f"DB_PASS={PASSWORD};Database=x", "DB_PASS=[PASSWORD];Database=x"),
    (f"password is the password: {PASSWORD}", "password is the password: [PASSWORD]"),
    (f"Passwort: {PASSWORD}", "Passwort: [PASSWORD]"),
    (f"\u5bc6\u7801\uff1a{PASSWORD}", "\u5bc6\u7801\uff1a[PASSWORD]"),
    (f"\u0130: PASSWORD: {PASSWORD}", "\u0130: PASSWORD: [PASSWORD]"),
    (f"API_KEY={DRAWN[:20]}", "API_KEY=[SECRET]"),
    (f"take {DRAWN[:20]} as the token", "take [SECRET] as the token"),
    ("-----BEGIN " + f"PRIVATE KEY-----\n{DRAWN}\n-----END " + "PRIVATE KEY-----\nbye", "[PRIVATE_KEY]\nbye"),
    ("-----BEGIN PGP " + f"PRIVATE KEY BLOCK-----\n{DRAWN}", "[PRIVATE_KEY]"),
]
NO_SECRETS = [
    *(
        "password: must be 8 characters",
        "the password is wrong.",
        "Password:\n\nName: Ada",
        "my password is not working",
    ),
    *("password = input('x')", "password: ${PASSWORD}", "password=self.password", "password: ********"),
    *("password=hashed_password", "password='your password here'"),
    *(
        "secret: the garden",
        "next_token: page_2_of_results",
        "Model-7B-Instruct-v0.2 has 32k tokens",
        "sk-learn is a library",
    ),
    *(
        "bearer of good news",
        f"commit {'3b835d1fae0c55ad'}0159f86d081884c7d659a2fe",
        "https://example.org:8080/a?b=c@d",
    ),
    *(
        "the key is under the mat",
        "passwords of 8 to 16 characters",
        "password reset on 2024-03-15",
        "password sha256 hash",
    ),
    *("a password-protected file", "password is 12 characters long", "password > 8 characters"),
]
PERSONAL = [
    ("ada.l+x@mail.example.org!", "[EMAIL]!"),
    ("call me at 699 956 915", "call me at [PHONE]"),
    ("(212) 456-7890 x12, thanks", "[PHONE], thanks"),
    ("0044 20 7946 0958", "[PHONE]"),
    ("tel. 089/1234567", "tel. [PHONE]"),
    ("212-456-7890 (212) 456-7891", "[PHONE] [PHONE]"),
    ("2024 4111 1111 1111 1111", "2024 [CARD]"),
    ("my card number is 0000000000018", "my card number is [CARD]"),
    ("GB82 WEST 1234 5698 7654 32 AND more", "[IBAN] AND more"),
    ("123-45-6789", "[SSN]"),
    ("social security number: 123456789", "social security number: [SSN]"),
    ("from 203.0.113.9 and 2001:db8::1", "from [IP] and [IP]"),
    (f"smtp://ada:{PASSWORD}@mail.example.org", "smtp://ada:[PASSWORD]@mail.example.org"),
]
NOT_PERSONAL = [
    *(
        "on 2024-03-15 at 10:30",
        "3.14159265358979",
        "$1,500,000",
        "127.0.0.1",
        "version 1.2.3.4",
        "std::vector",
        "@ada",
    ),
    *(
        "4111 1111 1111 1112",
        "GB83 WEST 1234 5698 7654 32",
        "0000000000018",
        "A4111111111111111",
        "000-12-3456",
        "order 1234567890123",
        "call at 2024-05-06",
    ),
    *("\\text{Area} = 15(15-8)(15-10)(15-12)", "Ada Lovelace, 12 St James's Square, London"),
]


@pytest.mark.parametrize(
    ("text", "left"), [*SECRETS, *PERSONAL, *((text, text) for text in (*NO_SECRETS, *NOT_PERSONAL))]
)
def test_what_is_private_gives_way_and_nothing_else(text: str, left: str) -> None:
    """A shape that no longer matches fails here, and one that matches too much; a second look finds nothing more."""
    (stretches,) = find_private([text], personal=True)
    written = replace_stretches(text, stretches, b"salt")
    assert bare(written) == left
    (again,) = find_private([written], personal=True)
    assert replace_stretches(written, again, b"salt") == written


def test_what_overlaps_is_one_stretch() -> None:
    """Without merge a second finding would cut into the placeholder of the first, or leave its end."""
    (stretches,) = find_private([f"password={'sk'}-proj-{DRAWN}@x"], personal=True)
    assert [stretch.kind for stretch in stretches] == ["api_key"]
    assert stretches[0].end == len(f"password={'sk'}-proj-{DRAWN}@x")
    assert merge([Stretch("phone", 1, 5, "b"), Stretch("card", 3, 8, "d")], "abcdefghi") == [
        Stretch("card", 1, 8, "bcdefgh")
    ]


async def test_a_fact_with_a_placeholder_is_proven_corrected_and_read(strict: Toolbox, alice: Caller) -> None:
    """The whole way: append, fold, read. A placeholder is one word of its quote, so the gate can prove it."""
    await update_memory(strict, alice, "a", user("My name is Ada. My email is ada@example.org."))
    reply = await summarize(strict, alice, "a")
    assert (reply.user_confirmed["name"], bare(str(reply.user_confirmed["email"]))) == ("Ada", "[EMAIL]")
    old = reply.user_confirmed["email"]
    assert str(old) in reply.general_summary
    await update_memory(strict, alice, "a", user("Actually, my email is lovelace@example.org."))
    await summarize(strict, alice, "a")
    new = (await read_memory(strict, alice, "a")).user_confirmed["email"]
    assert bare(str(new)) == "[EMAIL]"
    assert new != old


async def test_a_placeholder_says_what_it_is_where_no_noun_does(strict: Toolbox, alice: Caller) -> None:
    """Fails when spans do not know placeholders: a bare address is kept for its type."""
    await update_memory(strict, alice, "a", user("You can reach me at ada@example.org or on +44 20 7946 0958."))
    confirmed = (await summarize(strict, alice, "a")).user_confirmed
    assert {key: bare(str(value)) for key, value in confirmed.items()} == {"email": "[EMAIL]", "phone": "[PHONE]"}


def test_kinds_of_placeholders_are_told_apart() -> None:
    assert re.findall(PLACEHOLDER, "[EMAIL_0123abcd] [EMAIL_0123ABCD] [MAIL_0123abcd] [API_KEY_0123abcd]") == [
        "[EMAIL_0123abcd]",
        "[API_KEY_0123abcd]",
    ]


async def evidence_of(box: Toolbox, caller: Caller, key: str) -> Evidence:
    """Read a confirmed fact with its proof."""
    fact = (await read_memory(box, caller, "a", detail="evidence")).user_confirmed[key]
    assert isinstance(fact, Evidence)
    return fact


async def test_a_verdict_is_redacted_as_the_turn_it_quotes(strict: Toolbox, alice: Caller) -> None:
    """Without redact_verdicts a quote as the user said it is in no turn, and a value would be stored as it came."""
    await update_memory(strict, alice, "a", user("My phone number is +44 20 7946 0958."))
    await summarize(strict, alice, "a")
    old = await evidence_of(strict, alice, "phone number")
    said = "My phone number is 699 956 915"
    receipt = await update_memory(strict, alice, "a", user(said))
    correction = Correction(id=old.id, seq=receipt.seq, quote=said, value="699 956 915")
    await revise_memory(strict, alice, "a", correct=[correction])
    new = await evidence_of(strict, alice, "phone number")
    assert (bare(new.value), bare(new.quote)) == ("[PHONE]", "My phone number is [PHONE]")
    assert new.value != old.value
    await revise_memory(strict, alice, "a", confirm=[Confirmation(id=new.id, seq=receipt.seq, quote=said)])


async def test_a_verdict_on_a_chat_that_is_being_forgotten_leaves_no_salt(strict: Toolbox, alice: Caller) -> None:
    """Without lock_chat in read_salt_of_chat the salt is written after the forgetting looked, and stays for ever."""
    await update_memory(strict, alice, "a", user("My name is Ada."))
    refused: list[UnknownChatError] = []

    async def correct() -> None:
        try:
            correction = Correction(id="f1", seq=1, quote="ada@example.org", value="ada@example.org")
            await revise_memory(strict, alice, "a", correct=[correction])
        except UnknownChatError as error:
            refused.append(error)

    async with anyio.create_task_group() as group, strict.db.session() as session, transaction(session):
        await chat_work.lock_chat(session, chat_key("alice", "a"), "alice")
        for query in lives.DELETIONS.values():
            await session.execute(query, *chat_key("alice", "a"))
        group.start_soon(correct)
        await until_somebody_waits(strict.db)
    assert len(refused) == 1
    assert await salts(strict) == 0


async def test_a_query_finds_what_was_replaced(strict: Toolbox, alice: Caller) -> None:
    """Without redact_query nothing of the chat has the words of the query."""
    await update_memory(
        strict, alice, "a", user("Invoices go to ada@example.org.", "The sky is blue.", "Grass is green.")
    )
    await summarize(strict, alice, "a")
    reply = await read_memory(strict, alice, "a", query="ADA@example.org")
    assert [turn.seq for turn in reply.recall or ()][:1] == [1]


async def test_a_query_in_a_chat_without_redaction_makes_no_salt(strict: Toolbox, alice: Caller) -> None:
    """Fails when redact_query reads a salt as a writer does: reading writes nothing."""
    await update_memory(strict, alice, "a", user("hello"))
    await read_memory(strict, alice, "a", query="ada@example.org")
    assert await salts(strict) == 0
