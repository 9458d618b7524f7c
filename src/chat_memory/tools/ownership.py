"""Whose row it is: compared again wherever one is read."""

from chat_memory.errors import OwnerMismatchError
from chat_memory.models import Caller


def refuse_other_owner(caller: Caller, owner: str) -> None:
    """Compare the owner of a row with the caller, again: the key alone is not trusted."""
    if owner != caller.owner:
        raise OwnerMismatchError
