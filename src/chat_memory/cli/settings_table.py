"""Every setting with its value in use, its default and its meaning; passwords are not shown."""

import re
from urllib.parse import urlsplit, urlunsplit

from rich import box
from rich.table import Table

from chat_memory.settings import SECRETS, Settings, variable_of

HIDDEN = "***"
SCHEMES = ("postgresql", "postgres")
DSNS = frozenset({"database_url", "listen_url"})
SECRET = re.compile(r"((?:^|&)\w*(?:password|passfile)\w*=)[^&]*", re.IGNORECASE)


def tabulate_settings(settings: Settings | None) -> Table:
    """List the settings as a table; None when those in use cannot be read."""
    table = Table("Setting", "Value", "Default", "Meaning", box=box.SIMPLE, pad_edge=False)
    table.columns[0].no_wrap = True
    for field, info in Settings.model_fields.items():
        value = show_value(settings, field) if settings else "(not read)"
        table.add_row(variable_of(field), value, spell(info.default), info.description)
    return table


def show_value(settings: Settings, field: str) -> str:
    """Write the value in use, of a database without its password."""
    value = getattr(settings, field)
    if field in SECRETS:
        return HIDDEN if value else spell(None)
    return spell(mask_password(value) if field in DSNS else value)


def spell(value: object) -> str:
    """Write a value as the environment would."""
    if value is None or value == "":
        return "(unset)"
    return str(value).lower() if isinstance(value, bool) else str(value)


def mask_password(dsn: str) -> str:
    """Show a DSN without its password; one whose parts are in doubt is hidden whole."""
    try:
        parts = urlsplit(dsn)
    except ValueError:
        return HIDDEN
    if not dsn:
        return dsn
    if parts.scheme not in SCHEMES or not parts.netloc or "@" in parts.path + parts.query + parts.fragment:
        return HIDDEN
    login, at, host = parts.netloc.rpartition("@")
    user, colon, _ = login.partition(":")
    masked = f"{user}{colon}{HIDDEN if colon else ''}{at}{host}"
    return urlunsplit((parts.scheme, masked, parts.path, SECRET.sub(rf"\1{HIDDEN}", parts.query), parts.fragment))
