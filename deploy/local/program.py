"""A process of the application as compose.yaml describes it."""

import signal
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.picture import ROOT, Service
from tests.servers import Server

PATIENCE_SECONDS = 4.0  # as in the image's health check


class Program(Server):
    stop_signal = signal.SIGTERM
    orphan_signal = "TERM"

    def __init__(self, service: Service, environment: Mapping[str, str], directory: Path) -> None:
        self.name = service.name
        super().__init__(directory=directory, port=service.port)
        self.service = service
        self.cwd = ROOT
        self.environment = {**environment, "PYTHONUNBUFFERED": "1", **service.environment}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def version(self) -> str:
        """Where it is asked how it is."""
        return f"{self.url}/health" if self.service.probed else ""

    def _command(self) -> Sequence[str]:
        if folder := self.environment.get("PROMETHEUS_MULTIPROC_DIR"):
            for file in Path(folder).glob("*.db"):  # counts of a run before this one
                file.unlink()
        return self.service.command

    def _answers(self) -> bool:
        if not self.service.probed:
            return True
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=PATIENCE_SECONDS) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
