"""The PostgreSQL cluster in a data folder: made whole or not at all, and who may log in to it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from chat_memory.errors import StartFailedError
from chat_memory.storage.embedded.account import name_of_root
from chat_memory.storage.embedded.binaries import Binaries
from chat_memory.storage.embedded.datafolder import VERSION_FILE, DataFolder, quoted, sync_folder
from chat_memory.storage.embedded.serverlog import find_reason

ROLE = "chat_memory"
DATABASE = "chat_memory"
ADMIN_ROLE = "postgres"
SIDE = "cluster.new-"
MAKE_SECONDS = 120.0  # half a second on a quiet machine; slow disks and emulated processors need their time
INITDB = (
    f"--username={ADMIN_ROLE}",
    "--auth=peer",
    "--data-checksums",
    "--encoding=UTF8",
    # PostgreSQL's own collation: a folder moved to another machine, or a new libc, cannot break an index.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)
# In single-user mode a statement ends at a semicolon and an empty line.
SCRIPT = f"create role {ROLE} login createdb;\n\ncreate database {DATABASE} owner {ROLE};\n\n"
LOGIN_RULES = "local all all peer map=chat_memory\n"


def ensure_cluster(folder: DataFolder, binaries: Binaries) -> None:
    """Make the cluster if there is none, in a side folder renamed when complete: what bears the name is whole."""
    for leftover in folder.home.glob(f"{SIDE}*"):
        shutil.rmtree(leftover, ignore_errors=True)  # where an orphaned initdb still writes, the next start clears up
    if not (folder.cluster / VERSION_FILE).exists():
        _refuse_damaged(folder)
        _make_cluster(folder, binaries)
    folder.claim(folder.cluster)


def write_login_rules(folder: DataFolder) -> None:
    """Let root and the server's user, known by the kernel and not by a password, be either role; nobody else."""
    users = dict.fromkeys((name_of_root(), folder.account.name))
    lines = [f'chat_memory "{user}" {role}\n' for user in users for role in (ROLE, ADMIN_ROLE)]
    _replace(folder, "pg_ident.conf", "".join(lines))
    _replace(folder, "pg_hba.conf", LOGIN_RULES)


def _make_cluster(folder: DataFolder, binaries: Binaries) -> None:
    side = Path(tempfile.mkdtemp(prefix=SIDE, dir=folder.home))
    try:
        folder.claim(side)
        _run(folder, [binaries.initdb, "--pgdata", side, *INITDB], "")
        single: list[str | Path] = [
            binaries.postgres,
            "--single",
            "-j",
            "-c",
            "exit_on_error=on",
            "-D",
            side,
            "postgres",
        ]
        _run(folder, single, SCRIPT)
        side.rename(folder.cluster)
        sync_folder(folder.home)
    finally:
        shutil.rmtree(side, ignore_errors=True)


def _run(folder: DataFolder, command: Sequence[str | Path], text: str) -> None:
    program = Path(command[0]).name
    try:
        ended = folder.account.run(command, text, MAKE_SECONDS)
    except subprocess.TimeoutExpired:
        reason = f"{program} took more than {MAKE_SECONDS:.0f} s"
        raise StartFailedError(folder=folder.cluster, reason=reason, log=folder.log) from None
    if ended.returncode != 0:
        with os.fdopen(folder.open_file(folder.log, os.O_WRONLY | os.O_APPEND), "w", errors="replace") as log:
            log.write(ended.stdout)
        reason = f"{program}: {find_reason(ended.stdout)}"
        raise StartFailedError(folder=folder.cluster, reason=reason, log=folder.log)


def _refuse_damaged(folder: DataFolder) -> None:
    """Never start empty in place of a cluster that lost the file it is known by."""
    if folder.cluster.exists() and any(folder.cluster.iterdir()):
        remedy = (
            f"Restore it from a backup, or move it away: `mv {quoted(folder.cluster)} {quoted(folder.cluster)}.old`."
        )
        raise folder.refusal(f"{folder.cluster} holds files, but no {VERSION_FILE}", remedy)


def _replace(folder: DataFolder, name: str, text: str) -> None:
    """Write a file whole and under its own name only then: a crash leaves the old one or the new one."""
    descriptor, side = tempfile.mkstemp(prefix=name, dir=folder.home)
    with os.fdopen(descriptor, "w") as file:
        os.fchown(descriptor, folder.account.uid, folder.account.gid)
        file.write(text)
    Path(side).replace(folder.cluster / name)
