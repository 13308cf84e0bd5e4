"""The web replicas are restarted one after the other behind nginx, and nobody who asks notices."""

import http.client
import itertools
import json
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

import pytest

from deploy.local.picture import Picture, image_command
from deploy.local.rolling import drained, restart_in_turn
from tests.faults.load import Load
from tests.faults.programs import Web
from tests.faults.stack import KEYS, Stack, eventually, rounds
from tests.servers import Nginx
from tests.servers.nginx import SYSTEM
from tests.servers.process import free_port

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(
        not (shutil.which("nginx") or shutil.which("nginx", path=SYSTEM)),
        reason="There is no nginx here (apt install nginx-light).",
    ),
]

Check = Callable[[Load], None]
NAMES: Final = ("web1", "web2", "web3")
PAUSE_SECONDS: Final = 0.1


class Replica(Web):
    def __init__(self, name: str, port: int, environment: dict[str, str]) -> None:
        self.name = name
        super().__init__(environment)
        self.port = port

    def _command(self) -> Sequence[str]:
        _, *options = image_command()
        options[options.index("--port") + 1] = str(self.port)
        return [sys.executable, "-m", "granian", *options]


class Front:
    """deploy/nginx.conf in front of three replicas; the sockets' process is away."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        picture = Picture(directory, free_port(), {})
        self.draining = picture.folder("draining")
        self.replicas = [Replica(name, picture.port(name, "8000"), environment) for name in NAMES]
        self.nginx = Nginx(picture.nginx(), port=picture.port("nginx", "8000"))

    def __enter__(self) -> Self:
        for server in (*self.replicas, self.nginx):
            server.launch()
        for server in (*self.replicas, self.nginx):
            server.wait_for_answer()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self.nginx, *self.replicas):
            server.close()


class Asker(threading.Thread):
    """Reads, and makes alerts and takes them away again, over one kept connection."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(daemon=True)
        self.answers: Counter[Any] = Counter()
        self.ended = threading.Event()
        self._name = name
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def run(self) -> None:
        for number in itertools.count():
            if self.ended.wait(PAUSE_SECONDS):
                break
            self.ask("GET", "/api/v1/usage?limit=5")
            alert = {"name": f"{self._name}-{number}", "measure": "error_rate", "threshold": "0.05"}
            made = self.ask("POST", "/api/v1/alerts", alert)
            self.ask("DELETE", f"/api/v1/alerts/{made.get('id')}")
        self._connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-API-Key": KEYS["acme"], "Content-Type": "application/json"}
        try:
            self._connection.request(method, path, json.dumps(body), headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self.answers[method, type(error).__name__] += 1
            return {}
        self.answers[method, answer.status] += 1
        return json.loads(said or b"{}")


@pytest.fixture(scope="module")
def front(whole_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with Front(tmp_path_factory.mktemp("front"), whole_stack.environment) as running:
        yield running


def noted(nginx: Nginx, start: int, calls: int) -> list[str]:
    """The lines of its log from there on, once they are so many: nginx notes a call when it has answered."""

    def lines() -> list[str]:
        return nginx.log.read_text()[start:].splitlines()

    assert eventually(lambda: len(lines()) >= calls)
    return lines()


def test_a_drained_replica_is_asked_nothing(stack: Stack, front: Front) -> None:
    client = Asker(front.nginx.port, "drained")
    for drawn in front.replicas:
        with drained(drawn.name, front.draining):
            logged = len(front.nginx.log.read_text())
            for _ in range(12):
                client.ask("GET", "/ready")
            lines = noted(front.nginx, logged, calls=12)
        assert len(lines) == 12
        asked = {int(line.rpartition(":")[2]) for line in lines}
        assert asked == {replica.port for replica in front.replicas if replica is not drawn}
    assert client.answers == {("GET", 200): 36}


def test_replicas_restarted_in_turn_drop_no_request(
    stack: Stack, front: Front, seed: str, assert_nothing_lost: Check, tell: Callable[[str], None]
) -> None:
    askers = [Asker(front.nginx.port, f"{seed}-{number}") for number in range(2)]
    before = [replica.pid for replica in front.replicas]
    with Load([front.nginx.port], KEYS, seed) as load:
        for asker in askers:
            asker.start()
        for _ in rounds(1):
            list(restart_in_turn(front.replicas, front.draining))
        for asker in askers:
            asker.ended.set()
            asker.join()
    assert not set(before) & {replica.pid for replica in front.replicas}
    answers = askers[0].answers + askers[1].answers
    tell(f"{dict(answers)}, slowest event {load.slowest:.2f} s")
    assert answers.keys() == {("GET", 200), ("POST", 201), ("DELETE", 204)}
    assert stack.sql("SELECT name FROM usage_alert") == []  # none was made twice
    assert load.answers.keys() <= {"queued", "stored"}
    assert_nothing_lost(load)
