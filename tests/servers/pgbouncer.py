"""PgBouncer of the machine in front of a PostgreSQL, in transaction mode."""

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import psycopg

from tests.servers.nginx import SYSTEM
from tests.servers.postgres import version_at
from tests.servers.privileges import DROPPED, hand_over, unprivileged
from tests.servers.process import Server, ServerError

CONFIGURATION: Final = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {directory}/users
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 500
"""


class PgBouncer(Server):
    """`connections` is how many of the server's all clients of one database share."""

    name = "pgbouncer"
    stop_signal = signal.SIGINT

    def __init__(self, server: str, *, connections: int = 3) -> None:
        super().__init__(prefix=unprivileged())
        self._program = find_program()
        self._server = urlsplit(server)
        self._connections = connections

    @property
    def url(self) -> str:
        user, _, _ = self._server.netloc.rpartition("@")
        return self._server._replace(netloc=f"{user}@127.0.0.1:{self.port}").geturl()

    @property
    def version(self) -> str:
        return version_at(self.url)

    def _command(self) -> Sequence[str]:
        user, password = self._server.username, unquote(self._server.password or "")
        (self.directory / "users").write_text(f'"{user}" "{password}"\n')
        conf = self.directory / "pgbouncer.ini"
        conf.write_text(
            CONFIGURATION.format(
                host=self._server.hostname,
                port=self._server.port,
                own=self.port,
                directory=self.directory,
                connections=self._connections,
            )
        )
        if self.prefix == DROPPED:
            hand_over(self.directory)
        return [str(self._program), "-q", str(conf)]

    def _answers(self) -> bool:
        try:
            return bool(self.version)
        except psycopg.OperationalError:
            return False


def is_here() -> bool:
    return bool(_found())


def find_program() -> Path:
    if (found := _found()) is None:
        raise ServerError("There is no PgBouncer here. On Debian and Ubuntu: apt install pgbouncer")
    return Path(found)


def _found() -> str | None:
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path=SYSTEM)
