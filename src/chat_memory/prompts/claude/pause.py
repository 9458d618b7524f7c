"""When nobody is asked: while the provider wants patience, refuses us anyway, or has not answered for a while."""

import logging

import anyio

from chat_memory.errors import ModelBusyError, ModelOutageError, ModelRefusedError
from chat_memory.telemetry import Event, log

REFUSED_SECONDS = 60.0
"""How long a refused key is believed to stay refused: extraction folds meanwhile, without a call each time."""
OUTAGES = 4
"""So many questions in a row without an answer are an outage: asking on would hold every fold up for its whole time."""
FIRST_OUTAGE_SECONDS = 15.0
LONGEST_OUTAGE_SECONDS = 300.0
"""How long an outage is believed to last, doubled each time the first question after it fails too."""


class Pause:
    """What one process knows of its provider. Time is this process's own: nothing stored depends on it."""

    def __init__(self) -> None:
        """Begin without a pause."""
        self._until = 0.0
        self._why: tuple[type[ModelBusyError | ModelRefusedError], dict[str, object]] | None = None
        self._outages = 0
        self._refused = False

    def heed(self) -> None:
        """Let the next question pass, or not.

        Raises:
            ModelBusyError: the provider is left alone; the error says for how long.
            ModelRefusedError: it refused us a moment ago.
        """
        left = self._until - anyio.current_time()
        if self._why is not None and left > 0:
            kind, facts = self._why
            raise kind(**{**facts, "seconds": max(left, 1.0)})

    def begin(self, error: ModelBusyError | ModelRefusedError) -> None:
        """Leave the provider alone as long as it said; of a refused key say once what to do."""
        seconds = error.seconds if isinstance(error, ModelBusyError) else REFUSED_SECONDS
        self._until = anyio.current_time() + seconds
        self._why = (type(error), error.facts)  # not the error: its traceback would keep the turns it was asked about
        if isinstance(error, ModelRefusedError) and not self._refused:
            self._refused = True  # until a key works again it would only be repeated
            log(Event.MODEL_REFUSED, level=logging.ERROR, remedy=str(error))

    def note_outage(self, error: ModelOutageError) -> None:
        """Count a question without an answer; too many in a row are a pause."""
        self._outages += 1
        if self._outages >= OUTAGES:
            seconds = min(FIRST_OUTAGE_SECONDS * 2 ** (self._outages - OUTAGES), LONGEST_OUTAGE_SECONDS)
            self.begin(ModelBusyError(provider=error.facts["provider"], reason="no answer", seconds=seconds))
            log(Event.MODEL_LOST, level=logging.WARNING, failures=self._outages, seconds=seconds)

    def end(self) -> None:
        """An answer came: all is well."""
        self._why = None
        self._outages = 0
        self._refused = False
