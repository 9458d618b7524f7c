"""What PostgreSQL says when it cannot start, and which of its lines says why."""

from pathlib import Path

GRAVE = ("PANIC: ", "FATAL: ", "ERROR: ", "initdb: error: ")
REFUSAL = "the database system is"  # starting up, shutting down: said to a client that came too early
TAIL_BYTES = 8192  # the reason stands at the end; a log may be long
LOG_BYTES = 4 * 1024 * 1024  # from here on the log is put aside: one old one is kept


def find_reason(text: str) -> str:
    """Return the line that says why: the first grave one, for more may follow from it, or else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        for mark in GRAVE:
            if mark in line and REFUSAL not in line:
                return line.partition(mark)[2].strip()
    return lines[-1] if lines else "it said nothing"


def read_reason(log: Path, start: int) -> str:
    """Return the reason among what the log was told from byte `start` on."""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - TAIL_BYTES))
        return find_reason(file.read().decode(errors="replace"))


def rotate(log: Path) -> None:
    """Put a long log aside; called while no server writes to it."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.old"))
