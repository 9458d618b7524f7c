"""The table of settings: all of them, and no password."""

import pytest

from chat_memory.cli.settings_table import mask_password
from chat_memory.settings import PREFIX, Settings, variable_of
from tests.cli.conftest import Program

SECRET = "hunter2"  # noqa: S105 - stands for a password


def test_every_setting_is_listed_with_its_value(alone: Program) -> None:
    done = alone.run("doctor", "--settings", CHAT_MEMORY_POOL_SIZE="17")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    for field in Settings.model_fields:
        assert [line for line in lines if f"{variable_of(field)} " in line]
    (line,) = [line for line in lines if f"{PREFIX}POOL_SIZE" in line]
    assert "17" in line
    assert " 8 " in line


def test_a_key_is_said_to_be_set_and_not_shown(alone: Program) -> None:
    """Without SECRETS in settings_table.show_value its text would be a wrapper's repr, or the key."""
    done = alone.run("doctor", "--settings", ANTHROPIC_API_KEY=SECRET)
    assert SECRET not in done.stdout
    assert ["ANTHROPIC_API_KEY", "***"] in [line.split()[:2] for line in done.stdout.splitlines()]


def test_the_table_is_shown_also_when_a_setting_is_refused(alone: Program) -> None:
    """The refusal sends its reader to this table: fails without the `except` in doctor.print_settings."""
    done = alone.run("doctor", "--settings", CHAT_MEMORY_POOLSIZE="17")
    assert done.returncode == 1
    assert "did you mean CHAT_MEMORY_POOL_SIZE?" in done.stderr
    assert "CHAT_MEMORY_POOL_SIZE" in done.stdout


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("", ""),
        ("postgresql://ann:hunter2@db:5433/chats", "postgresql://ann:***@db:5433/chats"),
        ("postgresql://ann:h@hunter2@db/chats", "postgresql://ann:***@db/chats"),
        ("postgresql://ann@db/chats", "postgresql://ann@db/chats"),
        ("postgresql://db/chats?user=ann&password=hunter2&x=1", "postgresql://db/chats?user=ann&password=***&x=1"),
        ("postgresql://db/chats?sslpassword=hunter2", "postgresql://db/chats?sslpassword=***"),
        ("postgresql://ann:12/hunter2@db/chats", "***"),
        ("postgresql://ann:x?hunter2@db/chats", "***"),
        ("postgresql://ann:x#hunter2@db/chats", "***"),
        ("postgresql:/ann:hunter2@db/chats", "***"),
        ("postgresql://ann:[hunter2@db/chats", "***"),
        ("host=db password=hunter2", "***"),
        ("hunter2", "***"),
    ],
)
def test_a_password_is_masked_and_what_is_in_doubt_hidden_whole(dsn: str, shown: str) -> None:
    """Fails without any one condition of mask_password."""
    assert mask_password(dsn) == shown
    assert SECRET not in mask_password(dsn)
