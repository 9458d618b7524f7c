"""`chat-memory doctor`: is this installation well, and if not, what to do."""

from typing import Annotated

import anyio
import typer
from rich.console import Console
from rich.text import Text

from chat_memory.cli.checkup import Finding, examine
from chat_memory.cli.console import open_console
from chat_memory.cli.settings_table import tabulate_settings
from chat_memory.errors import SettingsError
from chat_memory.settings import Settings, read_settings
from chat_memory.telemetry import configure_logging

MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("-", "dim")}


def doctor(
    *,
    settings: Annotated[
        bool, typer.Option("--settings", help="List every setting instead: value, default, meaning.")
    ] = False,
) -> None:
    """Check this installation line by line.

    What is wrong comes with a remedy, and exit code 1.
    """
    configure_logging("warning")
    if settings:
        print_settings(open_console())
    elif not print_findings(open_console(), read_settings()):
        raise typer.Exit(1)


def print_settings(console: Console) -> None:
    """Print every setting, also when one in use is refused: the refusal sends its reader here."""
    try:
        in_use = read_settings()
    except SettingsError:
        console.print(tabulate_settings(None))
        raise
    console.print(tabulate_settings(in_use))


def print_findings(console: Console, settings: Settings) -> bool:
    """Print each line as soon as it is known; True when nothing is wrong."""
    findings: list[Finding] = []

    def report(finding: Finding) -> None:
        findings.append(finding)
        console.print(describe(finding), soft_wrap=True)

    anyio.run(examine, settings, report)
    return not any(finding.healthy is False for finding in findings)


def describe(finding: Finding) -> Text:
    """Write a finding as one line."""
    mark, style = MARKS[finding.healthy]
    return Text.assemble((mark, style), f" {finding.name:<12}", finding.text)
