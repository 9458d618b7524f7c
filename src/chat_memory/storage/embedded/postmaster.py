"""The running server: known alive by its answer on the socket, and by a process only when that is our own postgres."""

import os
import signal
import socket
import struct
import subprocess
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

from chat_memory.errors import StartFailedError
from chat_memory.storage.embedded.binaries import Binaries
from chat_memory.storage.embedded.cluster import DATABASE, ROLE
from chat_memory.storage.embedded.datafolder import SOCKET_FILE, DataFolder
from chat_memory.storage.embedded.polling import poll
from chat_memory.storage.embedded.serverlog import read_reason, rotate

PID_FILE = "postmaster.pid"
READY = "ready"  # the pid file's last line once connections are taken; asking earlier fills the log with refusals
ANSWER_SECONDS = 2.0  # a server that accepts but says nothing for so long is asked again
START_SECONDS = 60.0  # long only after a crash, while it replays its log
SETTLE_SECONDS = 3.0  # what a killed server leaves behind, backends and their shared memory, is gone by then
STOPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))  # seconds for a clean stop, then for one that recovery mends
PROCESSES = Path("/proc")  # Linux only
PS_SECONDS = 5.0  # ps reads a table in memory
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "fsync": "on",
    "full_page_writes": "on",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
_WORDS = f"user\0{ROLE}\0database\0{DATABASE}\0\0".encode()
HELLO = struct.pack("!ii", 8 + len(_WORDS), 3 << 16) + _WORDS  # a start-up packet of protocol 3.0
GOODBYE = b"X\0\0\0\4"
REPLY_BYTES = 1024
NOT_NOW = b"C57P03\0"  # starting up, shutting down or recovering


def is_ready(folder: DataFolder) -> bool:
    """Tell whether the server of this cluster takes connections, by opening one."""
    status = _read_lines(folder.cluster / PID_FILE)[-1:]
    if status != [READY]:
        return False
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(ANSWER_SECONDS)
        try:
            link.connect(str(folder.socket_dir / SOCKET_FILE))
            link.sendall(HELLO)
            reply = link.recv(REPLY_BYTES)
        except OSError:
            return False
        with suppress(OSError):
            link.sendall(GOODBYE)
    return reply[:1] == b"R" or (reply[:1] == b"E" and NOT_NOW not in reply)


def is_running(folder: DataFolder) -> bool:
    """Tell whether there is a server to join, waiting for one that is still starting or ending."""
    if is_ready(folder):
        return True
    if poll(lambda: is_ready(folder) or _find_postmaster(folder) is None, START_SECONDS):
        return is_ready(folder)
    pid = _find_postmaster(folder)
    where = folder.socket_dir / SOCKET_FILE
    raise _failure(folder, f"process {pid} runs it but does not answer on {where}; `kill -INT {pid}` stops it")


def start(folder: DataFolder, binaries: Binaries) -> None:
    """Start the server of a cluster, clearing what a dead one left."""
    unclean = (folder.cluster / PID_FILE).exists()
    _clear_remains(folder)
    rotate(folder.log)
    written = folder.log.stat().st_size if folder.log.exists() else 0
    if not poll(lambda: _launch(folder, binaries), SETTLE_SECONDS if unclean else 0):
        raise _failure(folder, read_reason(folder.log, written))


def stop(folder: DataFolder) -> bool:
    """Stop the server and tell whether it is gone."""
    for number, seconds in STOPS:
        pid = _find_postmaster(folder)
        if pid is None:
            return True
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if poll(partial(_is_gone, pid, folder), seconds):
            return True
    return False


def is_postmaster(pid: int, cluster: Path) -> bool:
    """Tell whether a living process is the postgres of this cluster: a pid alone may long be somebody else's."""
    if PROCESSES.exists():
        return _is_postmaster_by_proc(PROCESSES / str(pid), cluster)
    return is_postmaster_by_ps(pid, cluster)


def is_postmaster_by_ps(pid: int, cluster: Path) -> bool:
    """Tell it where there is no /proc, as on macOS."""
    command = ["/bin/ps", "-ww", "-o", "stat=,args=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=PS_SECONDS, check=False)  # noqa: S603 - fixed
    state, _, arguments = shown.stdout.strip().partition(" ")
    return bool(state) and not state.startswith("Z") and "postgres" in arguments and str(cluster) in arguments


def _is_postmaster_by_proc(process: Path, cluster: Path) -> bool:
    # By the command line first: root in a container may read everyone's, but not where another user's process works.
    try:
        program, *arguments = (process / "cmdline").read_bytes().split(b"\0")  # a zombie has none
        if not program.rpartition(b"/")[2].startswith(b"postgres"):
            return False
        return os.fsencode(cluster) in arguments or (process / "cwd").samefile(cluster)
    except OSError:
        return False


def _is_gone(pid: int, folder: DataFolder) -> bool:
    return not is_postmaster(pid, folder.cluster)


def _find_postmaster(folder: DataFolder) -> int | None:
    """Return the process the pid file names if that is our postgres."""
    pid = _read_lines(folder.cluster / PID_FILE)[:1]
    if not pid or not pid[0].lstrip("-").isdecimal():
        return None
    number = abs(int(pid[0]))  # negative in single-user mode
    return number if is_postmaster(number, folder.cluster) else None


def _clear_remains(folder: DataFolder) -> None:
    """Remove the pid files of a server that is gone: a stranger who got its pid would keep PostgreSQL from starting."""
    socket_file = folder.socket_dir / SOCKET_FILE
    for path in (folder.cluster / PID_FILE, socket_file.with_name(f"{SOCKET_FILE}.lock"), socket_file):
        path.unlink(missing_ok=True)


def _launch(folder: DataFolder, binaries: Binaries) -> bool:
    """Start the server and return True once it answers, False when it ended instead."""
    settings = {**SETTINGS, "unix_socket_directories": f'"{folder.socket_dir}"'}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    log = folder.open_file(folder.log, os.O_WRONLY | os.O_APPEND)
    try:
        process = folder.account.start([binaries.postgres, "-D", folder.cluster, *options], log)
    finally:
        os.close(log)
    # Our child, whenever it ends, must not stay a zombie: others would still see its pid.
    threading.Thread(target=process.wait, name="postgres-reaper", daemon=True).start()
    if not poll(lambda: process.poll() is not None or is_ready(folder), START_SECONDS):
        raise _failure(folder, f"it does not answer after {START_SECONDS:.0f} s; it may be recovering, so try again")
    return process.poll() is None


def _failure(folder: DataFolder, reason: str) -> StartFailedError:
    return StartFailedError(folder=folder.cluster, reason=reason, log=folder.log)


def _read_lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(errors="replace").splitlines()]
    except FileNotFoundError:
        return []
