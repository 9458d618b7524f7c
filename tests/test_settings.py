"""Settings: every knob documented, unknown ones refused by name, impossible ones with their meaning."""

from pathlib import Path

import pytest

from chat_memory.errors import InvalidSettingError, UnknownSettingError
from chat_memory.settings import FOREIGN, PREFIX, Settings, read_settings, variable_of

REFERENCE = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"


def test_nothing_needs_to_be_set() -> None:
    assert read_settings({}) == Settings()


def test_a_setting_is_read_whatever_its_case_and_an_empty_one_is_unset() -> None:
    environment = {"CHAT_MEMORY_POOL_SIZE": "3", "chat_memory_memory_tokens": "500", "CHAT_MEMORY_OWNER": ""}
    read = read_settings(environment | {"OTHER": "x"})
    assert (read.pool_size, read.memory_tokens, read.owner) == (3, 500, "")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CHAT_MEMORY_DATABSE_URL", "CHAT_MEMORY_DATABASE_URL"),
        ("CHAT_MEMORY_DIR", "CHAT_MEMORY_DATA_DIR"),
        ("CHAT_MEMORY_LEASE", "CHAT_MEMORY_LEASE_SECONDS"),
    ],
)
def test_an_unknown_setting_is_refused_naming_the_nearest(name: str, nearest: str) -> None:
    """A misspelt setting that is ignored is a default nobody chose."""
    with pytest.raises(UnknownSettingError, match=f"{name}: did you mean {nearest}"):
        read_settings({name: "x"})


def test_names_for_tests_are_no_settings() -> None:
    assert read_settings({"CHAT_MEMORY_TEST_DATABASE_URL": "x"}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("POOL_SIZE", "many", "cannot be 'many': input should be a valid integer"),
        ("POOL_SIZE", "0", "greater than or equal to 1"),
        ("LEASE_SECONDS", "nan", "CHAT_MEMORY_LEASE_SECONDS"),
        ("LEASE_SECONDS", "inf", "less than or equal to 86400"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("WORKER", "perhaps", "valid boolean"),
    ],
)
def test_an_impossible_value_is_refused_with_its_meaning(name: str, value: str, words: str) -> None:
    with pytest.raises(InvalidSettingError) as raised:
        read_settings({f"{PREFIX}{name}": value})
    assert words in str(raised.value)
    assert str(Settings.model_fields[name.lower()].description) in str(raised.value)


def default_of(name: str) -> str:
    """Write a default as the reference does."""
    default = Settings.model_fields[name].default
    if default in (None, ""):
        return "unset" if default is None else "empty"
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_settings_are_documented() -> None:
    """The reference is what the code says: add a setting, and this prints the line that is missing."""
    text = REFERENCE.read_text()
    for name, field in Settings.model_fields.items():
        assert f"| `{variable_of(name)}` | {default_of(name)} | {field.description} |" in text
    assert text.count("\n| `") == len(Settings.model_fields)


def test_a_foreign_setting_is_read_under_its_own_name() -> None:
    """Without FOREIGN the key every Anthropic program reads would be nobody's."""
    read = read_settings({"ANTHROPIC_API_KEY": " key-1\n", "ANTHROPIC_BASE_URL": "http://127.0.0.1:8080"})
    assert read.anthropic_api_key is not None
    assert read.anthropic_api_key.get_secret_value() == "key-1"
    assert read.anthropic_base_url == "http://127.0.0.1:8080"
    assert read_settings({"ANTHROPIC_API_KEY": "  "}).anthropic_api_key is None
    assert set(FOREIGN) <= set(Settings.model_fields)


def test_a_credential_is_never_shown() -> None:
    """Neither in a representation nor in the error that refuses it."""
    assert "key-1" not in repr(read_settings({"ANTHROPIC_API_KEY": "key-1"}))
    with pytest.raises(InvalidSettingError, match="no HTTP header can carry") as raised:
        read_settings({"ANTHROPIC_API_KEY": "key one"})
    assert "key one" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("localhost:8080", "it is no http:// or https:// URL"),
        ("ftp://host", "it is no http:// or https:// URL"),
        ("http://", "it is no http:// or https:// URL"),
        ("http://127.0.0.1:abc", "it is no http:// or https:// URL"),
        ("http://host/a b", "it is no http:// or https:// URL"),
        ("http://ann:secret@host", "a server and a path only"),
        ("http://ann:se#cret@host", "a server and a path only"),
        ("http://host?key=secret", "a server and a path only"),
        ("http://host/v1/", "leave /v1 off"),
    ],
)
def test_a_base_url_that_cannot_be_used_is_refused_and_not_repeated(url: str, words: str) -> None:
    """It may hold a password: without FOREIGN in read_settings the error would print it."""
    with pytest.raises(InvalidSettingError, match=words) as raised:
        read_settings({"ANTHROPIC_BASE_URL": url})
    assert "cret" not in str(raised.value)
    assert "value error" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://[::1]:8080", "https://gateway.example.com/anthropic/", " http://localhost:1 "])
def test_a_base_url_is_taken_without_what_surrounds_it(url: str) -> None:
    assert read_settings({"ANTHROPIC_BASE_URL": url}).anthropic_base_url == url.strip().rstrip("/")
