"""What is done now and then beside the calls: bills come in, reports are asked for, somebody listens."""

import http.client
import json
import re
import threading
import time
from abc import abstractmethod
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from config.loadtest.sending import NO_ANSWER, Sample, Target, reason

PATIENCE_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 0.5
HEADER: Final = (
    "organization_id,cloud_account_id,provider,service_name,region,cost_date,usage_quantity,usage_unit,"
    "cost_amount,currency\n"
)
LINES: Final = (3_000, 6_000)  # of every other day: checked within the call, and by a worker
FIRST_DAY: Final = date(2026, 1, 1)
CLIENT: Final = "829449"  # one that Gcore's simulator knows
DAY: Final = "2026-03-05"
BOUNDARY: Final = "endurance"
ID: Final = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b")


class Chore(threading.Thread):
    """Does its work again and again until it is told to end."""

    every: ClassVar[float]  # seconds

    def __init__(self, target: Target, tenant: str) -> None:
        super().__init__(daemon=True, name=f"{type(self).__name__} of {tenant}")
        self.target = target
        self.tenant = tenant
        self.ended = threading.Event()
        self.failed: list[Sample] = []

    def run(self) -> None:
        self._start = time.monotonic()
        while not self.ended.is_set():
            self.work()
            self.ended.wait(self.every)

    @abstractmethod
    def work(self) -> None: ...

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Any:
        """The JSON of a 2xx answer; None for any other, or none."""
        headers = {"X-API-Key": self.target.key, "Content-Type": kind, "Prefer": "wait=0"}
        parts = urlsplit(self.target.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, f"/api/v1{path}", body, headers)
            answer = connection.getresponse()
            told = json.loads(answer.read() or b"null")
            if answer.status < http.client.BAD_REQUEST:
                return told
            self._note(f"{method} {path}", answer.status, told)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._note(f"{method} {path}", NO_ANSWER, error)
        finally:
            connection.close()
        return None

    def _note(self, name: str, status: int, told: Any) -> None:
        at = time.monotonic() - self._start
        self.failed.append(Sample(at, 0.0, ID.sub("{id}", name), status, reason(told)))


def lines_of(day: date) -> int:
    return LINES[day.toordinal() % 2]


class Bills(Chore):
    """A file of costs for one more day, until it is applied; `days` holds what each of them comes to."""

    every = 20.0  # what fragments of files fill in a worker's heap is full after some fifteen of them

    def __init__(self, target: Target, tenant: str) -> None:
        super().__init__(target, tenant)
        self.days: dict[date, Decimal] = {}

    def work(self) -> None:
        """Each round begins with the file itself, which is found again when it has come already."""
        day = FIRST_DAY + timedelta(days=len(self.days))
        amounts = [Decimal(17 * (day.toordinal() + n) % 9973 + 1) / 100 for n in range(lines_of(day))]
        text = HEADER + "".join(
            f",123456789012,aws,AmazonEC2,region-{n},{day},24,Hours,{amount},USD\n"
            for n, amount in enumerate(amounts)
        )
        while not self._applied(text):
            self.ended.wait(RETRY_SECONDS)
        self.days[day] = sum(amounts, Decimal(0))

    def _applied(self, text: str) -> bool:
        run = self._sent(text)
        if run and run["state"] == "received":
            run = self.ask("POST", f"/imports/{run['id']}/preview")
        if run and run["state"] == "checked":
            run = self.ask("POST", f"/imports/{run['id']}/confirm")
        return bool(run) and run["state"] == "applied"

    def _sent(self, text: str) -> Any:
        file = f'Content-Disposition: form-data; name="file"; filename="costs.csv"\r\n\r\n{text}\r\n'
        kind = 'Content-Disposition: form-data; name="kind"\r\n\r\ncosts\r\n'
        body = f"--{BOUNDARY}\r\n{kind}--{BOUNDARY}\r\n{file}--{BOUNDARY}--\r\n"
        return self.ask("POST", "/imports", body.encode(), f"multipart/form-data; boundary={BOUNDARY}")


class Reports(Chore):
    """Asks Gcore for a report of its own each time; `asked` are those that were taken on."""

    every = 30.0

    def __init__(self, target: Target, tenant: str) -> None:
        super().__init__(target, tenant)
        self.asked: list[str] = []

    def work(self) -> None:
        wanted = {"gcore_user_id": CLIENT, "start_date": DAY, "end_date": DAY}
        made = self.ask("POST", "/reports/cloud?refresh=true", json.dumps(wanted).encode())
        if made:
            self.asked.append(made["uuid"])


class Listener(Chore):
    """Follows the activity stream, from where it was when the socket broke; `heard` is each number told."""

    every = RETRY_SECONDS

    def __init__(self, target: Target, tenant: str) -> None:
        super().__init__(target, tenant)
        self.heard: list[int] = []
        self.opened = 0

    def work(self) -> None:
        since = self.heard[-1] if self.heard else 0
        url = f"ws://{urlsplit(self.target.url).netloc}/ws/activity-stream/{self.tenant}?since={since}"
        headers = {"Authorization": f"Bearer {self.target.key}"}
        try:
            with connect(url, additional_headers=headers, open_timeout=PATIENCE_SECONDS) as socket:
                self.opened += 1
                while not self.ended.is_set():
                    self._hear(socket)
        except (OSError, WebSocketException) as error:
            self._note("the activity stream", NO_ANSWER, error)

    def _hear(self, socket: Any) -> None:
        try:
            told = json.loads(socket.recv(timeout=1.0))
        except TimeoutError:
            return
        if "seq" in told:
            self.heard.append(int(told["seq"]))
