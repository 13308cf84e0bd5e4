"""What goes wrong at Gcore, over HTTP: what is tried again, and what is said when that does not help."""

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from gcore.client import Credentials, GcoreClient, Product, ReportState, transport
from gcore.errors import Busy, GcoreError, PermanentError, TimedOut, TransientError, Unauthorized
from gcore.simulator import API_TOKEN, Simulator

DAYS: Any = {"date_from": date(2026, 10, 1), "date_to": date(2026, 10, 31)}
HTML = "<html><head><title>502</title></head><body><h1>Bad Gateway</h1>\n<hr>nginx</body></html>"
# A status and a body; what it becomes here: its kind, its status and code in our API, its words.
TRANSIENT: dict[str, tuple[int, str, type[GcoreError], int, str, str]] = {
    "request timeout": (408, "", TimedOut, 504, "upstream_timeout", "nothing more"),
    "too many": (429, '{"detail": "Request was throttled."}', Busy, 503, "unavailable", "was throttled"),
    "error": (500, '{"message": "boom"}', TransientError, 502, "upstream_error", "500: boom"),
    "bad gateway": (502, HTML, TransientError, 502, "upstream_error", "502: Bad Gateway nginx"),
    "unavailable": (503, "{}", Busy, 503, "unavailable", "503: nothing more"),
    "gateway timeout": (504, "", TimedOut, 504, "upstream_timeout", "nothing more"),
}
PERMANENT: dict[str, tuple[int, str, str]] = {
    "fields": (400, '{"parameters": ["too long", "odd"]}', "400: parameters: too long; parameters: odd"),
    "errors": (400, '{"errors": {"errors": ["No account."]}}', "400: No account."),
    "errors of fields": (400, '{"errors": {"password": ["Is required"]}}', "400: password: Is required"),
    "cloud": (400, '{"exception_class": "V", "message": "Bad", "request_id": "1"}', "400: Bad"),
    "invalid fields": (400, '{"invalid_fields": {"a": ["b"]}}', "400: a: b"),
    "forbidden": (403, "{}", "403: nothing more"),
    "plain": (404, "no such thing", "404: no such thing"),
    "problem": (422, '{"detail": "x", "errors": [{"loc": ["q"], "detail": "y"}]}', "422: x; y"),
    "moved": (302, "", "302: nothing more"),
}


@pytest.fixture
def gcore(credentials: Callable[..., Credentials], waits: list[float]) -> GcoreClient:
    """A client that does not really wait."""
    return GcoreClient(credentials(api_token=API_TOKEN))


def calls(simulator: Simulator) -> int:
    return len(simulator.state.calls)


@pytest.mark.parametrize("name", TRANSIENT)
def test_what_may_pass_is_tried_again(
    name: str, gcore: GcoreClient, gcore_simulator: Simulator, waits: list[float]
) -> None:
    status, body, kind, ours, code, words = TRANSIENT[name]
    gcore_simulator.state.add_fault(status=status, body=body, times=2)
    assert gcore.who_am_i().name == "Skyledger Reseller"
    assert (calls(gcore_simulator), len(waits)) == (3, 2)
    assert 0.25 <= waits[0] <= 0.75
    assert 0.5 <= waits[1] <= 1.5

    gcore_simulator.state.add_fault(status=status, body=body, times=99)
    with pytest.raises(kind) as failed:
        gcore.who_am_i()
    assert calls(gcore_simulator) == 3 + transport.ATTEMPTS
    assert (failed.value.status, failed.value.code, failed.value.upstream_status) == (ours, code, status)
    assert words in failed.value.message


@pytest.mark.parametrize("name", PERMANENT)
def test_what_will_not_pass_is_said_at_once(
    name: str, gcore: GcoreClient, gcore_simulator: Simulator, waits: list[float]
) -> None:
    status, body, words = PERMANENT[name]
    gcore_simulator.state.add_fault(status=status, body=body)
    with pytest.raises(PermanentError) as failed:
        gcore.who_am_i()
    assert failed.value.message == f"Gcore answered who_am_i with {words}"
    assert (failed.value.status, failed.value.code) == (502, "upstream_error")
    assert (calls(gcore_simulator), waits) == (1, [])


def test_retry_after_is_waited_for(
    gcore: GcoreClient, gcore_simulator: Simulator, waits: list[float]
) -> None:
    gcore_simulator.state.add_fault(status=429, headers={"Retry-After": "3"})
    gcore.who_am_i()
    assert waits == [3.0]


@pytest.mark.parametrize("when", ["30", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_long_retry_after_is_for_another_time(
    when: str, gcore: GcoreClient, gcore_simulator: Simulator, waits: list[float]
) -> None:
    gcore_simulator.state.add_fault(status=429, headers={"Retry-After": when})
    with pytest.raises(Busy) as busy:
        gcore.who_am_i()
    assert (calls(gcore_simulator), waits) == (1, [])
    assert busy.value.retry_after is not None
    assert busy.value.retry_after >= 30
    assert int(busy.value.headers["Retry-After"]) >= 30


def test_a_retry_after_that_is_nonsense_is_passed_over(
    gcore: GcoreClient, gcore_simulator: Simulator, waits: list[float]
) -> None:
    gcore_simulator.state.add_fault(status=429, headers={"Retry-After": "soon"})
    gcore.who_am_i()
    assert len(waits) == 1


def test_a_connection_that_breaks_is_made_anew(
    gcore: GcoreClient, gcore_simulator: Simulator, waits: list[float]
) -> None:
    gcore_simulator.state.add_fault(drop=True)
    assert gcore.who_am_i().name == "Skyledger Reseller"
    gcore_simulator.state.add_fault(drop=True, times=9)
    with pytest.raises(TransientError, match="The connection to Gcore broke in who_am_i") as broken:
        gcore.who_am_i()
    assert broken.value.upstream_status is None
    assert len(waits) == 1 + 3


def test_nobody_there_is_transient(credentials: Callable[..., Credentials], waits: list[float]) -> None:
    with pytest.raises(TransientError, match="The connection to Gcore broke"):
        GcoreClient(credentials(base="http://127.0.0.1:1", api_token="x")).who_am_i()
    assert len(waits) == 3


def test_silence_ends_in_a_timeout(
    gcore: GcoreClient, gcore_simulator: Simulator, settings: Any, waits: list[float]
) -> None:
    settings.GCORE_REQUEST_TIMEOUT = 0.1
    gcore_simulator.state.add_fault(delay=1, times=9)
    with pytest.raises(TimedOut, match="did not answer who_am_i in time"):
        gcore.who_am_i()
    assert len(waits) == 3


def test_patience_ends(
    gcore: GcoreClient, gcore_simulator: Simulator, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setattr(transport, "PATIENCE", 0)
    gcore_simulator.state.add_fault(status=500, times=9)
    with pytest.raises(TransientError):
        gcore.who_am_i()
    assert (calls(gcore_simulator), waits) == (1, [])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<p>Maintenance</p>", "something else than JSON: Maintenance"),
        ('{"id": "x"}', "another form"),
        ("[]", "another form"),
        ('{"id": 1e400}', "something else than JSON"),
    ],
)
def test_an_answer_that_nobody_understands_is_permanent(
    body: str, words: str, gcore: GcoreClient, gcore_simulator: Simulator
) -> None:
    gcore_simulator.state.add_fault(status=200, body=body)
    with pytest.raises(PermanentError, match=words):
        gcore.who_am_i()
    assert calls(gcore_simulator) == 1


@pytest.fixture
def finished(client: GcoreClient, waits: list[float]) -> str:
    """A report of CDN that can be downloaded."""
    return client.report_create(features=[feature.id for feature in client.features(Product.CDN)], **DAYS)


@pytest.mark.parametrize("file", [None, "x" * 50_000], ids=["in chunks", "with a length"])
def test_a_download_that_is_cut_begins_again(
    file: str | None, client: GcoreClient, finished: str, gcore_simulator: Simulator, waits: list[float]
) -> None:
    gcore_simulator.state.set_knobs(file=file, rows=3000)
    whole, again = io.BytesIO(), io.BytesIO(b"kept" + bytes(10**6))
    again.seek(4)
    size = client.report_download(finished, whole)
    gcore_simulator.state.add_fault(path=".*/download", cut=20_000, times=2)
    assert client.report_download(finished, again) == size > 20_000
    assert again.getvalue() == b"kept" + whole.getvalue()
    assert len(waits) == 2
    gcore_simulator.state.add_fault(path=".*/download", cut=20_000, times=9)
    with pytest.raises(TransientError, match="The connection to Gcore broke in report_download"):
        client.report_download(finished, io.BytesIO())


def test_a_download_is_bounded(client: GcoreClient, finished: str, gcore_simulator: Simulator) -> None:
    before = calls(gcore_simulator)
    with pytest.raises(PermanentError, match="more than 100 bytes"):
        client.report_download(finished, io.BytesIO(), most=100)
    assert calls(gcore_simulator) == before + 1


def test_a_download_that_crawls_ends(
    client: GcoreClient, finished: str, gcore_simulator: Simulator, settings: Any
) -> None:
    settings.GCORE_DOWNLOAD_SECONDS = 0.05
    gcore_simulator.state.set_knobs(rows=3000)
    gcore_simulator.state.add_fault(path=".*/download", drip=0.1, times=9)
    with pytest.raises(TimedOut, match="in the time that it may take"):
        client.report_download(finished, io.BytesIO())


def test_a_download_that_stops_is_a_timeout(
    client: GcoreClient, finished: str, gcore_simulator: Simulator, settings: Any
) -> None:
    settings.GCORE_REQUEST_TIMEOUT = 0.1
    gcore_simulator.state.set_knobs(rows=3000)
    gcore_simulator.state.add_fault(path=".*/download", drip=1, times=9)
    with pytest.raises(TimedOut, match=r"(stopped in the middle of|did not answer) report"):
        client.report_download(finished, io.BytesIO())


@pytest.mark.parametrize("status", [400, 404])
def test_a_download_that_comes_too_early_is_refused(
    status: int, client: GcoreClient, gcore_simulator: Simulator
) -> None:
    gcore_simulator.state.set_knobs(job_seconds=60, unready_status=status)
    task_id = client.report_create(features=[92], **DAYS)
    into = io.BytesIO()
    with pytest.raises(PermanentError, match="Failed to render report") as early:
        client.report_download(task_id, into)
    assert (early.value.upstream_status, into.getvalue()) == (status, b"")


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("Completed", ReportState.COMPLETED),
        ("Failed", ReportState.FAILED),
        ("Cancelled", ReportState.CANCELLED),
        ("Archived", ReportState.UNKNOWN),
        ("success", ReportState.COMPLETED),
    ],
)
def test_states_are_told_apart(
    outcome: str, state: ReportState, client: GcoreClient, gcore_simulator: Simulator
) -> None:
    gcore_simulator.state.set_knobs(job_polls=3, outcome=outcome, notes=["no rates", "no plan"])
    task_id = client.report_create(features=[92], **DAYS)
    seen = [client.report_status(task_id) for _ in range(3)]
    assert [one.state for one in seen] == [ReportState.PENDING, ReportState.IN_PROGRESS, state]
    assert seen[-1].said == outcome
    assert seen[-1].notes == ("no rates; no plan" if outcome == "Failed" else "")


def test_a_stuck_report_stays_so(client: GcoreClient, gcore_simulator: Simulator) -> None:
    gcore_simulator.state.set_knobs(job_seconds=10**6)
    task_id = client.report_create(features=[92], **DAYS)
    assert [client.report_status(task_id).said for _ in range(4)] == ["Pending", *["InProgress"] * 3]


def test_a_report_that_is_gone_is_told_and_deleted_without_complaint(
    client: GcoreClient, gcore_simulator: Simulator
) -> None:
    task_id = client.report_create(features=[92], **DAYS)
    client.report_delete(task_id)
    client.report_delete(task_id)
    assert gcore_simulator.state.tasks == {}
    with pytest.raises(PermanentError) as gone:
        client.report_status(task_id)
    assert gone.value.upstream_status == 404
    gcore_simulator.state.add_fault(method="DELETE", status=403)
    with pytest.raises(PermanentError):
        client.report_delete(task_id)


def test_unauthorized_is_permanent(gcore: GcoreClient, gcore_simulator: Simulator) -> None:
    gcore_simulator.state.add_fault(status=401, body='{"detail": "Token is invalid or expired"}')
    with pytest.raises(Unauthorized):
        gcore.who_am_i()
    assert calls(gcore_simulator) == 1
