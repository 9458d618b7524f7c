"""What every command has in common."""

from tests.cli.conftest import Program


def test_help_lists_every_command_and_says_what_none_does(alone: Program) -> None:
    seen = alone.run("--help").stdout
    assert "Without a command: the MCP server" in seen
    for command in ("bench", "demo", "doctor", "work", "migrate", "--version"):
        assert command in seen


def test_the_version_is_the_package_s(alone: Program) -> None:
    assert alone.run("--version").stdout == "chat-memory 0.1.0\n"


def test_an_unknown_command_ends_with_code_2(alone: Program) -> None:
    done = alone.run("remember")
    assert done.returncode == 2
    assert "No such command 'remember'" in done.stderr


def test_what_goes_wrong_by_design_ends_with_one_line_and_code_1(alone: Program) -> None:
    """Fails when __main__ catches no ChatMemoryError, or a command lets a task group wrap one."""
    done = alone.run("migrate", CHAT_MEMORY_DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("chat-memory: No PostgreSQL answers at 127.0.0.1:1/none")


def test_an_unknown_setting_is_refused_by_every_command_naming_the_nearest(alone: Program) -> None:
    """Fails without the check of names in settings.read_settings."""
    for command in ("doctor", "migrate", "work"):
        done = alone.run(command, CHAT_MEMORY_DATABSE_URL="x")
        assert done.returncode == 1
        assert "Unknown setting CHAT_MEMORY_DATABSE_URL: did you mean CHAT_MEMORY_DATABASE_URL?" in done.stderr
