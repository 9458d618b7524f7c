"""The log: to stderr, one line an event, never a caller's words."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from chat_memory.telemetry import Event, configure_logging, log


@pytest.fixture(autouse=True)
def own_configuration() -> Iterator[None]:
    """Leave the log of other tests as it was."""
    yield
    structlog.reset_defaults()


def failure(words: str) -> Exception:
    try:
        int(words)
    except ValueError as error:
        return error
    raise AssertionError


def test_events_are_nouns_and_what_happened_to_them() -> None:
    for event in Event:
        assert event.value == event.name.lower()
        assert event.value.count("_") >= 1


def test_an_event_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    log(Event.SERVER_STARTED, transport="stdio", words="two words")
    log(Event.BELL_CONNECTED, level=logging.DEBUG)
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err.count("\n") == 1
    assert "level=info event=server_started" in seen.err
    assert 'words="two words"' in seen.err


def test_an_errors_own_words_are_never_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """Forgotten means gone from our logs too: an exception's message may quote a turn; its kind and place do not."""
    configure_logging("info")
    log(Event.TOOL_FAILED, level=logging.ERROR, error=failure("the user's secret"))
    seen = capsys.readouterr().err
    assert "ValueError" in seen
    assert "test_telemetry.py:" in seen
    assert "secret" not in seen


def test_a_library_names_no_session(capsys: pytest.CaptureFixture[str]) -> None:
    """Without hide_sessions the SDK's warnings would name a session whole: whoever reads them could use it."""
    root = logging.getLogger()
    kept, root.handlers = root.handlers, []
    configure_logging("info")
    logging.getLogger("mcp.server").warning("Rejecting request for session %s: no", "0123456789abcdef" * 2)
    root.handlers = kept
    assert "WARNING mcp.server Rejecting request for session (a session): no" in capsys.readouterr().err


def test_a_closed_stderr_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may close our stderr: without the suppress in log its next write would be answered with an error."""
    closed = io.StringIO()
    monkeypatch.setattr(sys, "stderr", closed)
    configure_logging("info")
    closed.close()
    log(Event.SERVER_STARTED)
