"""What a person wants of a memory: facts confirmed, corrected or rejected."""

from chat_memory.models import Frozen

CALL_VERDICTS = 64
"""Most verdicts in one call."""
LAST_NUMBER = 2**31 - 1
"""No turn and no version has a higher one."""


class Confirmation(Frozen):
    """A fact that is right, by the user's own words in attested turn `seq`; without a quote a person is asked."""

    id: str = ""
    seq: int = 0
    quote: str = ""


class Correction(Confirmation):
    """A fact whose value is another, by the user's own words in attested turn `seq`."""

    value: str = ""


class Verdicts(Frozen):
    """What one call wants of a memory; `reject` names facts by id."""

    confirm: tuple[Confirmation, ...] = ()
    correct: tuple[Correction, ...] = ()
    reject: tuple[str, ...] = ()
