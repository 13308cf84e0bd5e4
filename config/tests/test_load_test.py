"""The load test: what it sends, what it says of the answers, and whom it does not touch."""

import io
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pytest
from django.core.management import CommandError, call_command

from config.loadtest import figures
from config.loadtest.calls import BATCH, MIX, REPORT, Caller
from config.loadtest.figures import Fairness, by_second, percentile
from config.loadtest.page import line
from config.loadtest.sending import Sample
from config.management.commands import load_test

LINES: Final = {"platform": "aws", "os_version": "debian-12", "image_type": "base"}


class Answers(BaseHTTPRequestHandler):
    """A Skyledger that fails every usage read, and finds every tenth event one too many."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, Any]] = []
    keys: Counter[str] = Counter()

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].removeprefix("/api/v1")
        body: Any = {"items": [{"slug": LINES.get(name[1:-1], "x")}]}
        self._answer(500 if name == "/usage" else 200, body, None)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path, self.headers["X-API-Key"], body))
        number = sum(path == self.path for path, *_ in self.seen)
        single = self.path.endswith("/events")
        self._answer(429 if single and number % 10 == 0 else 201 if self.path.endswith("/builds") else 200,
                     {"id": f"build-{number}"}, body)  # fmt: skip

    def _answer(self, status: int, body: Any, sent: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("RateLimit-Policy", '"key";q=30;w=60')
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def url() -> Iterator[str]:
    Answers.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(url: str, report: Path, **options: Any) -> tuple[dict[str, Any], int]:
    """What it answers, and its exit code."""
    out = io.StringIO()
    given = {"tenant": "acme", "key": "k", "seconds": 1, "connections": 2, "rate": 200, **options}
    code = 0
    try:
        call_command("load_test", url=url, report=str(report), json=True, stdout=out, **given)
    except SystemExit as end:
        code = int(end.code or 0)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told, code


def test_it_sends_the_mix_and_tells_each_call(url: str, tmp_path: Path) -> None:
    told, code = run(url, tmp_path / "report.html")
    rows = {row["name"]: row for row in told["calls"]}
    assert rows["All"]["sent"] == sum(row["sent"] for name, row in rows.items() if name != "All")
    assert 150 <= rows["All"]["sent"] <= 200
    assert rows.keys() - {"All"} <= MIX.keys()
    # Of a read that fails each is an error, and the call as a whole says so; what is over a limit is none.
    assert rows["GET /usage"]["errors"] == rows["GET /usage"]["sent"] > 0
    assert rows["POST /events"]["errors"] == 0 < rows["POST /events"]["limited"]
    assert (rows["All"]["errors"], code) == (rows["GET /usage"]["sent"], 1)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<polyline") == 4
    assert "POST /events/batch" in page
    assert [part for part in ("<script", "src=", "href=", "@import") if part in page] == []


def test_builds_are_reported_in_order_and_events_name_their_tenant(url: str, tmp_path: Path) -> None:
    run(url, tmp_path / "report.html", rate=0)
    states: dict[str, list[int]] = {}
    for path, key, body in Answers.seen:
        assert key == "k"
        if path.endswith("/state"):
            states.setdefault(path, []).append(body["state_code"])
        elif path.endswith("/batch"):
            assert len(body["events"]) == BATCH
        elif path.endswith("/events"):
            assert (body["tenant_id"], body["service_type"]) == ("acme", "load_test")
    assert states
    assert all(codes == sorted(set(codes)) for codes in states.values())


def test_without_a_catalogue_nothing_is_built() -> None:
    caller = Caller("acme", {}, 1)
    assert not [call.name for call in (caller.choose() for _ in range(500)) if "/builds" in call.name]
    assert Caller("acme", LINES, 1).choose() == Caller("acme", LINES, 1).choose()
    assert sum(MIX.values()) == 100
    assert REPORT in MIX


def test_two_tenants_are_measured_one_after_the_other(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flooded: list[Any] = []

    def flooding(target: Any, caller: Any, rate: float, seconds: float) -> Any:
        flooded.append((target.key, caller.tenant, rate))
        return nullcontext()

    monkeypatch.setattr(load_test, "_flooding", flooding)
    monkeypatch.setattr(load_test, "time", mock.Mock())
    told, _ = run(url, tmp_path / "report.html", greedy_tenant="other", greedy_key="g", rate=100)
    assert flooded == [("g", "other", 5.0)]  # ten times 30 a minute
    fairness = told["fairness"]
    assert fairness["greedy_rate"] == 5.0
    assert fairness["p99_alone_ms"] > 0 < fairness["p99_beside_ms"]
    assert "Beside a greedy tenant" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"url": "https://sky.example.com"}, "sky.example.com is not this machine"),
        ({"url": "https://127.0.0.1.example.com"}, "is not this machine"),
        ({"url": "https://a.example.com", "host_is_ours": "b.example.com"}, "is not this machine"),
        ({"url": "ftp://127.0.0.1"}, "must begin with http"),
        ({"seconds": 901}, "--seconds must be from 1 to 900"),
        ({"connections": 0}, "--connections must be from 1 to 256"),
        ({"rate": -1}, "--rate must be from 0 to 10000"),
        ({"greedy_key": "x"}, "given together"),
        ({"url": "http://127.0.0.1:1"}, "does not answer as a Skyledger does"),
    ],
)
def test_what_it_refuses(options: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=reason):
        call_command("load_test", tenant="a", key="k", report=str(tmp_path / "r"), **options)
    assert not (tmp_path / "r").exists()


def test_percentiles_are_by_nearest_rank() -> None:
    assert [percentile([1.0, 2.0, 3.0, 4.0], percent) for percent in (50, 95, 99)] == [2.0, 4.0, 4.0]
    assert percentile([], 99) == 0.0


def test_what_was_refused_or_not_answered_has_no_time() -> None:
    samples = [
        Sample(0.1, 0.010, "a", 200),
        Sample(0.2, 0.030, "a", 500),
        Sample(1.5, 9.0, "a", 429),
        Sample(1.6, 30.0, "a", 0),
    ]
    found = figures.figures("a", samples, 2)
    assert (found.sent, found.rate, found.p50, found.p99, found.longest) == (4, 2.0, 10.0, 30.0, 30.0)
    assert (found.errors, found.limited) == (2, 1)
    assert found.statuses == {"no answer": 1, "200": 1, "429": 1, "500": 1}
    assert [(each.sent, each.p99) for each in by_second(samples, 3)] == [(2, 30.0), (2, 0.0), (0, 0.0)]


def test_how_far_a_tenant_was_moved() -> None:
    alone = figures.figures("x", [Sample(0, 0.1, "a", 200)], 1)
    beside = figures.figures("x", [Sample(0, 0.125, "a", 200)], 1)
    assert Fairness(alone, beside, 100.0).moved_percent == 25.0
    assert Fairness(figures.figures("x", [], 1), beside, 100.0).moved_percent == 0.0


def test_a_line_of_the_picture() -> None:
    assert line([0.0, 5.0, 10.0], 10.0) == "0.0,220.0 450.0,110.0 900.0,0.0"
