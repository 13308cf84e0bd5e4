"""nginx of the machine, with a configuration that is handed to it; as an ordinary user."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.servers.privileges import DROPPED, hand_over, unprivileged
from tests.servers.process import Server, ServerError

SYSTEM: Final = "/usr/local/sbin:/usr/sbin:/sbin"  # not on an ordinary user's PATH


class Nginx(Server):
    """`text` listens on `port`."""

    name = "nginx"
    stop_signal = signal.SIGQUIT  # answers what it has begun
    orphan_signal = "TERM"  # takes its children along

    def __init__(self, text: str, *, port: int, directory: Path | None = None) -> None:
        super().__init__(prefix=unprivileged(), directory=directory, port=port)
        self._program = find_program()
        self._text = text

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def version(self) -> str:
        asked = subprocess.run([self._program, "-v"], capture_output=True, text=True, check=True)
        return asked.stderr.strip().rpartition(" ")[2].replace("/", " ")

    def _command(self) -> Sequence[str]:
        conf = self.directory / "nginx.conf"
        conf.write_text(self._text)
        if self.prefix == DROPPED:
            hand_over(self.directory)
        alone = f"daemon off; pid {self.directory}/pid; error_log stderr;"
        return [str(self._program), "-p", str(self.directory), "-c", str(conf), "-e", "stderr", "-g", alone]

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def find_program() -> Path:
    found = shutil.which("nginx") or shutil.which("nginx", path=SYSTEM)
    if found is None:
        raise ServerError("There is no nginx here. On Debian and Ubuntu: apt install nginx-light")
    return Path(found)
