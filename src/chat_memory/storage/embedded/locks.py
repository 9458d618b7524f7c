"""The two file locks of a data folder. The kernel drops them when a process dies, however it dies."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager

from chat_memory.errors import StartFailedError
from chat_memory.storage.embedded.datafolder import DataFolder
from chat_memory.storage.embedded.polling import poll

MUTEX = "start.lock"
HOLDERS = "holders.lock"
MUTEX_SECONDS = 180.0  # one start and one stop of somebody else, each at its longest


class Holder:
    """One use of the server: a shared lock held for life. It belongs to an opened file: a process may have several."""

    def __init__(self, folder: DataFolder) -> None:
        descriptor = folder.open_file(folder.home / HOLDERS, os.O_RDWR)
        self._descriptor: int | None = descriptor
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def is_last(self) -> bool:
        """Tell whether nobody else holds the server; asked under the mutex, and only when about to let go."""
        return self._descriptor is not None and _lock_exclusively(self._descriptor)

    def let_go(self) -> None:
        """End this use, once."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def mutex(folder: DataFolder) -> Generator[None]:
    """Let one process at a time start or stop the server."""
    descriptor = folder.open_file(folder.home / MUTEX, os.O_RDWR)
    try:
        if not poll(lambda: _lock_exclusively(descriptor), MUTEX_SECONDS):
            reason = f"another process has been starting or stopping it for {MUTEX_SECONDS:.0f} s"
            raise StartFailedError(folder=folder.cluster, reason=reason, log=folder.log)
        yield
    finally:
        os.close(descriptor)


def _lock_exclusively(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
