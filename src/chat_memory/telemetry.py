"""Every log event, named once. Logs go to stderr: stdout belongs to the protocol."""

import contextlib
import logging
import re
import sys
import traceback
from enum import StrEnum
from pathlib import Path

import structlog

SESSION = re.compile(r"\b[0-9a-f]{32}\b")
"""How the SDK names sessions."""


class Event(StrEnum):
    """What can be read in the log: a noun and what happened to it."""

    SERVER_STARTED = "server_started"
    SERVER_STOPPED = "server_stopped"
    DATABASE_STARTED = "database_started"
    DATABASE_FAILED = "database_failed"
    MIGRATION_APPLIED = "migration_applied"
    MEMORY_WRITTEN = "memory_written"
    FOLD_FAILED = "fold_failed"
    FOLD_HANDED_BACK = "fold_handed_back"
    FOLD_DEFERRED = "fold_deferred"
    FOLD_DEGRADED = "fold_degraded"
    MEMORY_REVISED = "memory_revised"
    MEMORY_REFOLDED = "memory_refolded"
    REFOLD_FAILED = "refold_failed"
    REFOLD_ABANDONED = "refold_abandoned"
    MODEL_ANSWERED = "model_answered"
    MODEL_REFUSED = "model_refused"
    MODEL_LOST = "model_lost"
    CLAIM_LOST = "claim_lost"
    LEASE_LOST = "lease_lost"
    CHAT_FAILED = "chat_failed"
    CHAT_FORGOTTEN = "chat_forgotten"
    TASK_OPENED = "task_opened"
    BELL_CONNECTED = "bell_connected"
    BELL_LOST = "bell_lost"
    BELL_SILENT = "bell_silent"
    WORKER_STARTED = "worker_started"
    WORKER_STOPPED = "worker_stopped"
    WORKER_FAILED = "worker_failed"
    TOOL_REFUSED = "tool_refused"
    TOOL_FAILED = "tool_failed"
    TOOL_CANCELLED = "tool_cancelled"
    ANSWER_LOST = "answer_lost"
    LINE_REFUSED = "line_refused"
    REQUEST_REFUSED = "request_refused"
    REQUEST_FAILED = "request_failed"
    SUBSCRIBER_LOST = "subscriber_lost"


def configure_logging(level: str) -> None:
    """Write events of `level` (debug, info, warning, error) and above to stderr, one line each."""
    numeric = logging.getLevelNamesMapping()[level.upper()]
    others = logging.StreamHandler(sys.stderr)
    others.addFilter(hide_sessions)
    logging.basicConfig(
        level=max(numeric, logging.WARNING), handlers=[others], format="%(levelname)s %(name)s %(message)s"
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def hide_sessions(record: logging.LogRecord) -> bool:
    """Keep the names of sessions, by which they are used, out of what libraries log."""
    record.msg, record.args = SESSION.sub("(a session)", record.getMessage()), ()
    return True


def log(event: Event, *, level: int = logging.INFO, error: BaseException | None = None, **fields: object) -> None:
    """Write one event with its fields. Of an error only its kind and place: its message may quote a caller's words."""
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        place = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
        fields |= {"error": type(error).__name__, "place": place}
    with contextlib.suppress(OSError, ValueError):  # a client that closed our stderr must not fail a write
        structlog.get_logger().log(level, event.value, **fields)
