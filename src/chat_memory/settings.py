"""Every knob, with its default, unit and a sentence. The only reader of the environment."""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from chat_memory.errors import InvalidSettingError, UnknownSettingError

PREFIX = "CHAT_MEMORY_"
TEST_PREFIX = "CHAT_MEMORY_TEST_"
"""Reserved for the tests of this project; never a setting."""

FOREIGN = {
    "anthropic_api_key": "ANTHROPIC_API_KEY",
    "anthropic_auth_token": "ANTHROPIC_AUTH_TOKEN",
    "anthropic_base_url": "ANTHROPIC_BASE_URL",
}
"""Settings that have had their name since before us: every program that asks Claude reads them."""

SERVER = re.compile(r"https?://([\w.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?(/[!-~]*)?", re.ASCII)
SECRETS = frozenset({"anthropic_api_key", "anthropic_auth_token"})
"""Never shown, not even when they are wrong."""

Seconds = Annotated[float, Field(ge=0.01, le=86_400)]
HOSTS = r"^[^/@]*$"
ORIGINS = r"^\s*([a-z][a-z0-9+.-]*://[^\s,/]+\s*,?\s*)*$"


class Settings(BaseModel):
    """What a process was told, from `CHAT_MEMORY_*` variables and those in `FOREIGN`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str = Field(
        default="",
        description="DSN of a PostgreSQL 15 or newer, postgresql://user:password@host:port/name. Empty: embedded.",
    )
    listen_url: str = Field(
        default="",
        description="DSN of the same database to LISTEN at, when database_url is a pooler's. Empty: database_url.",
    )
    prepared_statements: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Keep statements prepared. auto: unless a pooler answers; on: also behind PgBouncer 1.21 or newer.",
    )
    data_dir: Path | None = Field(
        default=None,
        description="Folder of the embedded PostgreSQL. Unset: the user's data folder, as root /var/lib/chat-memory.",
    )
    owner: str = Field(
        default="",
        max_length=200,
        description="Whose chats these are over stdio. Empty: local, or local:<role>/<OS user>.",
    )
    allow_unsafe_durability: bool = Field(
        default=False, description="Start although fsync or synchronous_commit is off: acknowledged writes may be lost."
    )
    pool_size: int = Field(
        default=8, ge=1, le=200, description="Connections to the database, one more is used to LISTEN."
    )
    worker: bool = Field(
        default=True, description="Fold in the server process. Off: chats wait for `chat-memory work` elsewhere."
    )
    redact: Literal["secrets", "pii"] = Field(
        default="secrets",
        description="What is replaced before it is stored. pii: also e-mail, phone, card, IBAN, IP and SSN.",
    )
    memory_tokens: int = Field(
        default=2_000, ge=256, le=100_000, description="Cap of one memory, tokens by our counter."
    )
    affirmed_confirms: bool = Field(
        default=False,
        description="A user's yes to the assistant's question confirms what the user's own words named before.",
    )
    fold_bytes: int = Field(
        default=300_000,
        ge=262_144,
        le=10_000_000,
        description="Most bytes of pending turns read into one fold; the rest follows.",
    )
    batch_chats: int = Field(default=100, ge=1, le=200, description="Most chats claimed from one bucket at a time.")
    fold_limit: int = Field(default=16, ge=1, le=1_000, description="Most questions to a model at once in one process.")
    lease_seconds: Seconds = Field(
        default=30.0, description="How long a claimed chat stays with a silent worker; renewed at a third."
    )
    poll_seconds: Seconds = Field(default=1.0, description="How often due chats are looked for when no bell rings.")
    debounce_seconds: float = Field(
        default=0.0, ge=0, le=3_600, description="How long a chat waits for more turns before a fold. 0: fold at once."
    )
    debounce_limit_seconds: float = Field(
        default=0.0, ge=0, le=86_400, description="Longest that its oldest turn waits for more, however many come."
    )
    max_attempts: int = Field(
        default=6,
        ge=1,
        le=100,
        description="Failed folds after which extraction steps in for a model; without one the chat waits for help.",
    )
    backoff_seconds: Seconds = Field(
        default=1.0, description="First retry delay; doubled each time, full jitter, at most 5 minutes."
    )
    summarizer: Literal["auto", "extractive", "claude"] = Field(
        default="auto",
        description="Who folds. auto: claude when ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN is set, else extractive.",
    )
    model: str = Field(
        default="claude-haiku-5-5", max_length=200, pattern=r"^[!-~]+$", description="Model asked by claude."
    )
    model_seconds: Seconds = Field(
        default=30.0, description="How long one answer of the model may take, from request to last byte."
    )
    model_fold_bytes: int = Field(
        default=48_000,
        ge=4_000,
        le=2_000_000,
        description="Most bytes of turns shown to the model in one fold; a longer turn is shown shortened.",
    )
    model_input_price: float = Field(
        default=0.10, ge=0, le=1_000, description="Price of the model's input, US dollars per million tokens."
    )
    model_output_price: float = Field(
        default=0.50, ge=0, le=1_000, description="Price of the model's output, US dollars per million tokens."
    )
    daily_budget_usd: float = Field(
        default=1.0,
        ge=0,
        le=1_000_000,
        description="What the model may cost per UTC day on this database; then extraction steps in. 0: never ask it.",
    )
    fallback_after_seconds: float = Field(
        default=600.0,
        ge=0,
        le=86_400,
        description="Extraction steps in when the model fails and a chat's oldest pending turn is older than this.",
    )
    refold_seconds: Seconds = Field(
        default=60.0,
        description="How soon the model may look again where extraction stood in; doubled per failure, at most 1 h.",
    )
    anthropic_api_key: SecretStr | None = Field(
        default=None, description="Key for the Messages API. New turns are sent there once it is set."
    )
    anthropic_auth_token: SecretStr | None = Field(
        default=None, description="Bearer token in place of a key, as some gateways want it."
    )
    anthropic_base_url: str = Field(
        default="", description="Another server that speaks the Messages API, such as a local one. Empty: Anthropic's."
    )
    idempotency_hours: int = Field(default=24, ge=1, le=8_760, description="How long an idempotency key is remembered.")
    host: str = Field(
        default="127.0.0.1", description="Where `chat-memory serve` listens: an address of this machine's own loopback."
    )
    port: int = Field(
        default=8000, ge=0, le=65_535, description="Its port. 0: any free one, named in the first log line."
    )
    allowed_hosts: str = Field(
        default="",
        pattern=HOSTS,
        description="More names clients may reach it by, name or name:port, separated by commas. Loopback always may.",
    )
    allowed_origins: str = Field(
        default="",
        pattern=ORIGINS,
        description="Web pages that may call it, scheme://host[:port], separated by commas. Empty: none.",
    )
    shutdown_seconds: int = Field(
        default=10, ge=0, le=3_600, description="How long running calls may take after SIGTERM, whole seconds."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe event written to stderr."
    )

    @field_validator("anthropic_api_key", "anthropic_auth_token")
    @classmethod
    def _fit_a_header(cls, secret: SecretStr | None) -> SecretStr | None:
        """Take a credential as it can travel: a pasted one often ends in a line break."""
        text = secret.get_secret_value().strip() if secret else ""
        if not text:
            return None
        if not fits_header(text):
            raise ValueError("it holds characters no HTTP header can carry: copy it again")
        return SecretStr(text)

    @field_validator("anthropic_base_url")
    @classmethod
    def _name_a_server(cls, url: str) -> str:
        """Refuse what is no URL of a server now, not at every fold."""
        url = url.strip().rstrip("/")
        if {"@", "?", "#"} & set(url):
            raise ValueError("it may hold a server and a path only: credentials have settings of their own")
        if url and not SERVER.fullmatch(url):
            raise ValueError("it is no http:// or https:// URL")
        if url.endswith("/v1"):
            raise ValueError("leave /v1 off: it is added")
        return url


def fits_header(text: str) -> bool:
    """Tell whether text can stand in an HTTP request as it is."""
    return text.isascii() and text.isprintable() and " " not in text


def is_on_this_machine(url: str) -> bool:
    """Tell whether a URL names this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def variable_of(field: str) -> str:
    """Name the environment variable of a setting."""
    return FOREIGN.get(field, f"{PREFIX}{field.upper()}")


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings, refusing unknown and impossible ones by name.

    Raises:
        UnknownSettingError: a `CHAT_MEMORY_*` variable is no setting; the nearest one is named.
        InvalidSettingError: a value cannot be used; its meaning is named.
    """
    names = {variable_of(field): field for field in Settings.model_fields}
    values: dict[str, str] = {}
    for name, value in (os.environ if environment is None else environment).items():
        foreign = name in FOREIGN.values()
        if not foreign and (not name.upper().startswith(PREFIX) or name.upper().startswith(TEST_PREFIX)):
            continue
        if name.upper() not in names:
            nearest = difflib.get_close_matches(name.upper(), names, n=1, cutoff=0.0)
            raise UnknownSettingError(name=name, nearest=nearest[0])
        values[names[name.upper()]] = value
    try:
        return Settings.model_validate({field: value for field, value in values.items() if value})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field, problem = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
        raise InvalidSettingError(
            name=variable_of(field),
            value="..." if field in SECRETS or field in FOREIGN else values.get(field, ""),
            problem=problem[0].lower() + problem[1:],
            meaning=Settings.model_fields[field].description,
        ) from None


def xdg_data_home() -> Path | None:
    """Name the folder programs keep a user's data in, where the XDG base directory specification names one."""
    configured = Path(os.environ.get("XDG_DATA_HOME", ""))
    return configured if configured.is_absolute() else None


def inherited_environment() -> dict[str, str]:
    """Copy the whole environment, for a child process that must see what this one sees."""
    return dict(os.environ)
