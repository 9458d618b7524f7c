"""Which PostgreSQL a scene is played on: the embedded one, or an installed one; and PgBouncer in front of it."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from chat_memory.storage.embedded import EmbeddedServer
from chat_memory.storage.embedded.account import choose_account
from chat_memory.storage.embedded.binaries import Binaries
from chat_memory.storage.embedded.cluster import ADMIN_ROLE, DATABASE, ROLE, SCRIPT, write_login_rules
from chat_memory.storage.embedded.datafolder import SOCKET_FILE, DataFolder, open_data_folder
from chat_memory.storage.embedded.polling import poll
from chat_memory.storage.embedded.postmaster import is_running, start
from tests.chaos.book import PATIENCE
from tests.storage.embedded_occupant import Place

INITDB = (f"--username={ADMIN_ROLE}", "--auth=peer", "--encoding=UTF8", "--locale=C", "--data-checksums")
SINGLE = ("--single", "-j", "-c", "exit_on_error=on", "-D")
DEBIAN = "/usr/sbin"
"""Where Debian puts PgBouncer: not on everybody's PATH."""
POOLED = """
[databases]
{database} = host={server}

[pgbouncer]
pool_mode = transaction
listen_addr =
listen_port = 5432
unix_socket_dir = {folder}
unix_socket_mode = 0700
auth_type = trust
auth_file = {folder}/users.txt
default_pool_size = 6
server_round_robin = 1
server_login_retry = 1
max_client_conn = 500
"""
"""Few server connections, taken in turn: whatever is left behind on one is missed, or met, on the next."""


@dataclass(frozen=True, slots=True)
class Where:
    """What scenes are played on: the programs of an installed PostgreSQL, or ours; behind a pooler or not."""

    installed: Path | None = None
    pooled: bool = False

    @property
    def is_ours(self) -> bool:
        """Tell whether it is the embedded one, reached directly: what processes can own together."""
        return self.installed is None and not self.pooled

    def place(self) -> Place:
        """Make the place of one scene's PostgreSQL."""
        return InstalledPlace(self.installed) if self.installed else Place(Path())

    def __str__(self) -> str:
        """Name it in the report."""
        told = "embedded PostgreSQL"
        if self.installed:
            command = [str(self.installed / "postgres"), "--version"]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        return f"{told}, behind PgBouncer" if self.pooled else told


@dataclass(frozen=True)
class Installation(Binaries):
    """The programs of an installed PostgreSQL, in one folder."""

    @property
    def initdb(self) -> Path:
        """The program that makes a cluster."""
        return self.site / "initdb"

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.site / "postgres"


class InstalledPlace(Place):
    """A place whose PostgreSQL is an installed one, laid out, started and ended as the embedded one is."""

    def __init__(self, programs: Path) -> None:
        """Make it."""
        super().__init__(Path())
        self._installation = Installation(programs)

    def start(self, data_dir: Path | None = None) -> EmbeddedServer:
        """Use the server in this process."""
        where = data_dir or self.data_dir
        known = (where / self.cluster(data_dir).parent.name).exists()
        # Looked into again, the folder would be refused: its cluster is not of our major version.
        folder = DataFolder(where, choose_account(())) if known else open_data_folder(where)
        if not folder.cluster.exists():
            self._make(folder)
        if not is_running(folder):
            start(folder, self._installation)
        server = EmbeddedServer(
            url=url(ROLE, DATABASE, folder.socket_dir),
            admin_url=url(ADMIN_ROLE, ADMIN_ROLE, folder.socket_dir),
            data_dir=folder.data_dir,
            socket_dir=folder.socket_dir,
            log=folder.log,
            leave=lambda: None,  # the place ends it
        )
        self._servers.append(server)
        return server

    def _make(self, folder: DataFolder) -> None:
        folder.cluster.mkdir()
        folder.claim(folder.cluster)
        made = [
            folder.account.run([self._installation.initdb, "--pgdata", folder.cluster, *INITDB], "", PATIENCE),
            folder.account.run([self._installation.postgres, *SINGLE, folder.cluster, ADMIN_ROLE], SCRIPT, PATIENCE),
        ]
        assert not any(done.returncode for done in made), [done.stdout for done in made]
        write_login_rules(folder)


def url(role: str, database: str, folder: Path) -> str:
    """Name a database by the folder of its socket."""
    return f"postgresql://{role}@/{database}?host={quote(str(folder), safe='')}&port=5432"


def find_pgbouncer() -> str | None:
    """Find the program, on PATH or where Debian puts it."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path=DEBIAN)


@contextmanager
def pooler(server: EmbeddedServer, folder: Path) -> Generator[str]:
    """Run PgBouncer in transaction mode in front of a server, with its files in `folder`; the URL through it."""
    program = find_pgbouncer()
    assert program, "no pgbouncer on PATH: install it (Debian: pgbouncer)"
    account = choose_account(())
    folder.mkdir()
    os.chown(folder, account.uid, account.gid)
    (folder / "users.txt").write_text(f'"{ROLE}" ""\n')
    told = folder / "pgbouncer.ini"
    told.write_text(POOLED.format(database=DATABASE, server=server.socket_dir, folder=folder))
    with (folder / "log").open("wb") as log:
        process = account.start([program, "--quiet", told], log.fileno())
    try:
        assert poll((folder / SOCKET_FILE).exists, PATIENCE), (folder / "log").read_text()
        yield url(ROLE, DATABASE, folder)
    finally:
        process.kill()
        process.wait()
