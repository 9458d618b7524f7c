"""Who folds, and where the text goes: decided by what was asked for, and said in one sentence."""

import subprocess
import sys

import pytest

from chat_memory.errors import NoKeyError
from chat_memory.models import Usage
from chat_memory.prompts.choice import describe_choice, leaves_machine, open_summarizers, uses_model
from chat_memory.settings import read_settings

KEY = {"ANTHROPIC_API_KEY": "test-key"}
TOKEN = {"ANTHROPIC_AUTH_TOKEN": "test-token"}
EXTRACTIVE = {"CHAT_MEMORY_SUMMARIZER": "extractive"}
CLAUDE = {"CHAT_MEMORY_SUMMARIZER": "claude"}


@pytest.mark.parametrize(
    ("environment", "model"),
    [
        ({}, False),
        (KEY, True),
        (TOKEN, True),
        (KEY | EXTRACTIVE, False),
        (KEY | CLAUDE, True),
        ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:8080"}, False),
        ({"ANTHROPIC_PROFILE": "work"}, False),
    ],
)
def test_a_model_folds_when_a_key_is_given_or_it_is_asked_for(environment: dict[str, str], *, model: bool) -> None:
    """A profile of another program is no consent: without the test of the key, text would leave unasked."""
    assert uses_model(read_settings(environment)) is model


@pytest.mark.parametrize(
    ("url", "leaves"),
    [
        ("", True),
        ("https://models.example.com", True),
        ("http://127.0.0.1:8080", False),
        ("http://127.8.8.8:8080/anthropic", False),
        ("http://localhost:8080", False),
        ("http://[::1]:8080", False),
        ("http://localhost.example.com", True),
        ("http://10.0.0.7:8080", True),
    ],
)
def test_only_a_server_on_this_machine_keeps_text_here(url: str, *, leaves: bool) -> None:
    settings = read_settings(KEY | {"ANTHROPIC_BASE_URL": url})
    assert leaves_machine(settings) is leaves
    assert ("text leaves this machine" in describe_choice(settings)) is leaves
    assert "claude-haiku-5-5" in describe_choice(settings)


def test_without_a_model_it_is_said_that_nothing_leaves() -> None:
    assert describe_choice(read_settings(KEY | EXTRACTIVE)).endswith("no text leaves it.")


async def test_a_model_that_is_demanded_without_a_key_is_an_error_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one at every fold. The SDK also looks for profiles: its folder is an empty one here."""
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_CONFIG_DIR", "/nowhere")

    async def record(_: Usage) -> None:
        raise AssertionError

    with pytest.raises(NoKeyError, match="set ANTHROPIC_API_KEY, or CHAT_MEMORY_SUMMARIZER=auto"):
        async with open_summarizers(read_settings(CLAUDE), record):
            pass


def test_the_sdk_of_the_model_is_not_loaded_before_a_fold_needs_it() -> None:
    """It costs a second and 77 MiB: an import of provider.py at the top of summarizer.py fails here."""
    check = (
        "import sys; import chat_memory.server.stdio, chat_memory.cli;"
        "from chat_memory.prompts.claude.summarizer import Claude;"
        "print('anthropic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
