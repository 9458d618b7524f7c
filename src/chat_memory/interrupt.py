"""Signals that come while a process still starts, before it can answer them in order."""

import signal
from types import FrameType


class Interrupt:
    """Handles a signal by interrupting what runs, as Python does, and remembers it: an import may swallow that."""

    def __init__(self) -> None:
        """Nothing arrived yet."""
        self.arrived = False

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Interrupt.

        Raises:
            KeyboardInterrupt: always. pydantic's core, for one, prints and drops it when it is building a validator.
        """
        self.arrived = True
        raise KeyboardInterrupt(number)


def interrupt_on_signals() -> None:
    """Let SIGINT and SIGTERM interrupt this process, until something answers them in order."""
    interrupt = Interrupt()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
