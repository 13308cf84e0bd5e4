"""compose.yaml read as commands of this machine: as it stands, but for addresses and folders."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import yaml

from tests.servers.process import free_port

ROOT: Final = Path(__file__).resolve().parents[2]
BIN: Final = Path(sys.executable).parent
INTERPOLATED: Final = re.compile(r"\$\{(\w+)(?::\?[^}]*)?\}")
COLLECT: Final = ["python", "manage.py", "collectstatic", "--noinput", "-v0"]
# What containers have for themselves, and where it lies in the stack's own folder.
FOLDERS: Final = {
    "/var/lib/skyledger": "app",
    "/run/metrics": "metrics",
    "/run/draining": "draining",
    "/var/cache/nginx": "nginx",
}


@dataclass(frozen=True)
class Service:
    """One process of the application; `probed` ones answer /health on `port`."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int
    probed: bool
    replica: bool  # runs the image's own command: the web process


class Picture:
    """`front` is the port of nginx; every other is a free one. `values` fill in compose.yaml's ${…}."""

    def __init__(self, directory: Path, front: int, values: Mapping[str, str]) -> None:
        self.directory = directory
        self.values = values
        self.compose: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
        self._ports = {("nginx", "8000"): front}
        self._addresses = re.compile(rf"\b({'|'.join(self.compose)}):(\d+)\b")

    def port(self, service: str, port: str) -> int:
        """Where the port of a container is found here."""
        return self._ports.setdefault((service, port), free_port())

    def folder(self, name: str) -> Path:
        folder = self.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def here(self, text: str) -> str:
        """A text with the addresses and folders of this machine in place of those of the containers."""
        text = self._addresses.sub(lambda m: f"127.0.0.1:{self.port(m[1], m[2])}", text)
        for theirs, ours in FOLDERS.items():
            text = text.replace(theirs, str(self.folder(ours)))
        return text

    def services(self) -> list[Service]:
        """The processes of the application that are to stay, in the order of compose.yaml."""
        stay = {name: said for name, said in self.compose.items() if said.get("restart") == "unless-stopped"}
        return [self._service(name, said) for name, said in stay.items() if said.get("image") == "skyledger"]

    def once(self) -> list[list[str]]:
        """What is done before they start: the image's own files, and what compose.yaml runs to its end."""
        ended = [s["command"] for s in self.compose.values() if s.get("restart") == "no"]
        return [self._program("", command) for command in (COLLECT, *ended)]

    def redis(self) -> dict[str, str]:
        """The settings of its command line."""
        _, *words = (self._filled(word) for word in self.compose["redis"]["command"])
        return {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}

    def nginx(self) -> str:
        """The text of deploy/nginx.conf."""
        text = self.here((ROOT / "deploy" / "nginx.conf").read_text())
        return re.sub(r"listen (\d+)", lambda m: f"listen 127.0.0.1:{self.port('nginx', m[1])}", text)

    def _service(self, name: str, said: Mapping[str, Any]) -> Service:
        command = self._program(name, said.get("command") or image_command())
        environment = {key: self.here(value) for key, value in said.get("environment", {}).items()}
        probed = "healthcheck" not in said
        replica = "command" not in said
        return Service(name, tuple(command), environment, self.port(name, "8000"), probed, replica)

    def _program(self, name: str, command: Sequence[str]) -> list[str]:
        program, *words = command
        here = [
            str(self.port(name, word)) if before.endswith("-port") else self.here(word)
            for before, word in pairwise(["", *words])
        ]
        local = [word.replace("0.0.0.0", "127.0.0.1") for word in here]
        return [sys.executable if program == "python" else str(BIN / program), *local]

    def _filled(self, text: str) -> str:
        return INTERPOLATED.sub(lambda m: self.values[m[1]], text)


def image_command() -> list[str]:
    """What a container of the image runs when nothing else is said."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    said = next(line.removeprefix("CMD ") for line in lines if line.startswith("CMD "))
    command: list[str] = json.loads(said)
    return command
