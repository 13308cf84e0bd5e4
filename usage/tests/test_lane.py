"""The lane in front of Django: the same answers as the view's, and only for what is plain."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple
from unittest import mock

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import OperationalError, close_old_connections, connection
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import Tenant, User
from tests.builders import make_key
from usage import lane
from usage.models import UsageEvent
from usage.services import events
from usage.tests.documents import as_bytes, batch, event

pytestmark = pytest.mark.django_db
SINGLE: Final = "/api/v1/events"
BATCH: Final = "/api/v1/events/batch"
RATE_HEADERS: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "RateLimit-Policy")
OWN: Final = {"request_id", "event_id", "retry_after", "reset_time"}
Observed = list[tuple[str, str, int, str]]


@pytest.fixture(autouse=True)
def one_transaction(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Requests end by closing their connection, which here holds the test's own transaction."""
    if "transactional_db" in request.fixturenames:
        yield
        return
    monkeypatch.setattr(lane, "close_connection", lambda: None)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


class Answer(NamedTuple):
    status: str
    headers: dict[str, str]
    body: bytes


def call(application: lane.Application, path: str, body: bytes, **environ: Any) -> Answer:
    """One WSGI request, as a server makes it."""
    seen: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        seen.update(status=status, headers=dict(headers))

    request = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        **environ,
    }
    answer: Any = application({name: v for name, v in request.items() if v is not None}, start_response)
    content = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return Answer(seen["status"], seen["headers"], content)


def in_front(application: Any, observed: Observed | None = None) -> lane.Application:
    def observe(method: str, endpoint: str, status: int, tenant: str, seconds: float) -> None:
        assert seconds >= 0
        if observed is not None:
            observed.append((method, endpoint, status, tenant))

    return lane.in_front_of(application, new_request_id=lambda given: given or "made", observe=observe)


def unreached(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    raise AssertionError("The lane handed the request over.")


def comparable(value: Any) -> Any:
    """JSON without what differs between any two calls."""
    if isinstance(value, dict):
        return {name: comparable(item) for name, item in value.items() if name not in OWN}
    return [comparable(item) for item in value] if isinstance(value, list) else value


ONE: Final = as_bytes(event(metrics={"n": 1.5}))
REQUESTS: Final[dict[str, tuple[str, bytes, str]]] = {
    "one": (SINGLE, ONE, "202 Accepted"),
    "one, slash": (f"{SINGLE}/", ONE, "202 Accepted"),
    "one, root": ("/events", ONE, "202 Accepted"),
    "flat fields": (SINGLE, as_bytes(event(hours=1, region="eu")), "202 Accepted"),
    "batch": (BATCH, as_bytes(batch(event(), event())), "202 Accepted"),
    "batch, root and slash": ("/events/batch/", as_bytes(batch(event())), "202 Accepted"),
    "batch with bad ones": (
        BATCH,
        as_bytes(batch(event(), event(user_id=1), event(tenant_id="rival"), 7)),
        "202 Accepted",
    ),
    "batch without a good one": (BATCH, as_bytes(batch(event(user_id=1))), "400 Bad Request"),
    "empty batch": (BATCH, b'{"events":[]}', "400 Bad Request"),
    "batch sent as one": (SINGLE, as_bytes(batch(event())), "400 Bad Request"),
    "one sent as batch": (BATCH, ONE, "400 Bad Request"),
    "no body": (SINGLE, b"", "400 Bad Request"),
    "no JSON": (SINGLE, b"{", "400 Bad Request"),
    "no UTF-8": (SINGLE, b'{"a":"\xff"}', "400 Bad Request"),
    "NUL": (SINGLE, as_bytes(event(user_id="a\0")), "400 Bad Request"),
    "a key twice": (SINGLE, ONE[:-1] + b',"user_id":"b"}', "400 Bad Request"),
    "missing field": (SINGLE, as_bytes(event(user_id=None)), "400 Bad Request"),
    "foreign tenant": (SINGLE, as_bytes(event(tenant_id="rival")), "403 Forbidden"),
    "foreign batch": (BATCH, as_bytes(batch(event(tenant_id="rival"))), "403 Forbidden"),
    "too large": (SINGLE, b" " * 3000, "413 Request Entity Too Large"),
}


@pytest.fixture
def roads(settings: Any) -> dict[str, Callable[..., Answer]]:
    """The lane itself, the lane inside Django's view, and the view's own way through DRF."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2000
    django: Any = WSGIHandler()
    return {
        "lane": lambda *a, **e: call(in_front(unreached), *a, **e),
        "view": lambda *a, **e: call(django, *a, **e),
        "DRF": lambda *a, **e: call(in_front(django), *a, HTTP_ORIGIN="https://app.example.com", **e),
    }


def same_everywhere(answers: dict[str, Answer], status: str) -> None:
    first = answers["lane"]
    for road, answer in answers.items():
        assert answer.status == status, (road, answer)
        assert answer.headers["Content-Type"] == "application/json", road
        assert comparable(json.loads(answer.body)) == comparable(json.loads(first.body)), road
        for name in (*RATE_HEADERS, "WWW-Authenticate"):
            assert answer.headers.get(name) == first.headers.get(name), (road, name)
        assert answer.headers["X-Request-ID"], road
        assert answer.headers["X-Content-Type-Options"] == "nosniff", road
        assert answer.headers["Content-Length"] == str(len(answer.body)), road


@pytest.mark.parametrize("name", REQUESTS)
def test_the_same_answer_on_every_road(
    name: str, roads: dict[str, Callable[..., Answer]], acme: Tenant, rival: Tenant
) -> None:
    path, body, status = REQUESTS[name]
    answers = {
        road: send(path, body, HTTP_X_API_KEY=make_key(acme, "ingest")[1]) for road, send in roads.items()
    }
    same_everywhere(answers, status)
    assert answers["lane"].headers["X-RateLimit-Remaining"] == "999"


@pytest.mark.parametrize("header", ["HTTP_X_API_KEY", "HTTP_AUTHORIZATION"])
@pytest.mark.parametrize("secret", ["unknown-key", "short", "schlüssel-mit-ü", "x" * 300])
def test_the_same_refusal_of_an_unknown_key(
    roads: dict[str, Callable[..., Answer]], header: str, secret: str
) -> None:
    sent = secret if header == "HTTP_X_API_KEY" else f"Bearer {secret}"
    same_everywhere({r: send(SINGLE, ONE, **{header: sent}) for r, send in roads.items()}, "401 Unauthorized")


def test_the_same_refusal_of_a_key_without_the_scope(
    roads: dict[str, Callable[..., Answer]], acme: Tenant
) -> None:
    answers = {r: send(SINGLE, ONE, HTTP_X_API_KEY=make_key(acme, "read")[1]) for r, send in roads.items()}
    same_everywhere(answers, "403 Forbidden")


def test_the_same_limit(roads: dict[str, Callable[..., Answer]], acme: Tenant) -> None:
    keys = {road: make_key(acme, "ingest", rate_limit=1)[1] for road in roads}
    for status in ("202 Accepted", "429 Too Many Requests"):
        answers = {road: send(SINGLE, ONE, HTTP_X_API_KEY=keys[road]) for road, send in roads.items()}
        same_everywhere(answers, status)
    assert {int(answer.headers["Retry-After"]) > 0 for answer in answers.values()} == {True}
    assert {answer.headers["X-RateLimit-Remaining"] for answer in answers.values()} == {"0"}


def test_the_same_event_is_stored(roads: dict[str, Callable[..., Answer]], acme: Tenant, stored: Any) -> None:
    for road, send in roads.items():
        document = event(event_id=road, timestamp="2026-03-01T10:00:00Z", metrics={"n": 0.1}, hours=2)
        send(SINGLE, as_bytes(document), HTTP_X_API_KEY=make_key(acme, "ingest")[1])
    rows: list[UsageEvent] = stored(acme)
    assert sorted(row.event_id for row in rows) == ["DRF", "lane", "view"]
    assert len({(str(row.metrics), row.timestamp, row.user_id, str(row.metadata)) for row in rows}) == 1


PLAIN: Final[dict[str, dict[str, Any]]] = {
    "bearer": {"HTTP_X_API_KEY": None, "HTTP_AUTHORIZATION": "bearer some-key"},
    "charset": {"CONTENT_TYPE": "application/json; charset=utf-8"},
    "upper case": {"CONTENT_TYPE": "Application/JSON"},
    "any answer": {"HTTP_ACCEPT": "*/*"},
    "key and JWT": {"HTTP_AUTHORIZATION": "Bearer a.b.c"},
}
UNUSUAL: Final[dict[str, dict[str, Any]]] = {
    "no credential": {"HTTP_X_API_KEY": None},
    "empty key": {"HTTP_X_API_KEY": ""},
    "a browser's origin": {"HTTP_ORIGIN": "https://app.example.com"},
    "a JWT": {"HTTP_X_API_KEY": None, "HTTP_AUTHORIZATION": "Bearer aaa.bbb.ccc"},
    "the master token": {"HTTP_X_API_KEY": None, "HTTP_AUTHORIZATION": "Bearer the-master-token"},
    "basic": {"HTTP_X_API_KEY": None, "HTTP_AUTHORIZATION": "Basic c29tZQ=="},
    "a session": {"HTTP_X_API_KEY": None, "HTTP_COOKIE": "sessionid=abc"},
    "another media type": {"CONTENT_TYPE": "application/cloudevents+json"},
    "another charset": {"CONTENT_TYPE": "application/json; charset=latin-1"},
    "two charsets": {"CONTENT_TYPE": "application/json; charset=utf-8; charset=utf-16"},
    "no media type": {"CONTENT_TYPE": ""},
    "chunks": {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"},
    "an empty length": {"CONTENT_LENGTH": ""},
    "a superscript length": {"CONTENT_LENGTH": "²"},
    "a negative length": {"CONTENT_LENGTH": "-1"},
    "problem+json": {"HTTP_ACCEPT": "application/problem+json"},
    "a tenant in the header": {"HTTP_X_TENANT_ID": "acme"},
    "a key of the call": {"HTTP_IDEMPOTENCY_KEY": "k"},
    "a CloudEvent's version": {"HTTP_CE_SPECVERSION": "1.0"},
    "a CloudEvent's id": {"HTTP_CE_ID": "1"},
    "a CloudEvent's source": {"HTTP_CE_SOURCE": "/vms"},
    "a CloudEvent's type": {"HTTP_CE_TYPE": "hours"},
    "a tenant in the query": {"QUERY_STRING": "tenant_id=acme"},
    "another method": {"REQUEST_METHOD": "PUT"},
    "another path": {"PATH_INFO": "/api/v1/usage"},
    "one more slash": {"PATH_INFO": "/api/v1/events//"},
    "an event's path": {"PATH_INFO": "/api/v1/events/e-1"},
}


@pytest.mark.parametrize("name", PLAIN)
def test_requests_that_take_the_lane(name: str) -> None:
    environ = {"HTTP_X_API_KEY": "some-key", **PLAIN[name]}
    assert call(in_front(unreached), SINGLE, ONE, **environ).status == "401 Unauthorized"


@pytest.mark.parametrize("name", UNUSUAL)
def test_requests_that_are_handed_over_whole(name: str, settings: Any) -> None:
    settings.MASTER_TOKEN = "the-master-token"
    reached: list[bytes] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        reached.append(environ["wsgi.input"].read())
        start_response("204 No Content", [])
        return []

    observed: Observed = []
    environ = {"HTTP_X_API_KEY": "some-key", **UNUSUAL[name]}
    answer = call(in_front(application, observed), environ.pop("PATH_INFO", SINGLE), ONE, **environ)
    assert (answer.status, reached, observed) == ("204 No Content", [ONE], [])


def test_the_handed_over_request_is_answered_by_django(member: User, acme: Tenant, stored: Any) -> None:
    token = AccessToken()
    token["sub"] = str(member.pk)
    token["pwd"] = member.password_mark
    environ = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    answer = call(in_front(WSGIHandler()), SINGLE, as_bytes(event(event_id="e")), **environ)
    assert (answer.status, json.loads(answer.body)["event_id"]) == ("202 Accepted", "e")
    assert [row.event_id for row in stored(acme)] == ["e"]


def test_each_answer_is_observed_once(acme: Tenant) -> None:
    observed: Observed = []
    application, key = in_front(unreached, observed), make_key(acme, "ingest")[1]
    call(application, "/events/", ONE, HTTP_X_API_KEY=key)
    call(application, "/events/batch", b"{", HTTP_X_API_KEY=key)
    call(application, BATCH, ONE, HTTP_X_API_KEY="unknown-key")
    assert observed == [
        ("POST", SINGLE, 202, "acme"),
        ("POST", BATCH, 400, "acme"),
        ("POST", BATCH, 401, ""),
    ]


def test_a_failure_that_nobody_foresaw(transactional_db: None, acme: Tenant) -> None:
    observed: Observed = []
    with mock.patch.object(lane, "event_accept", side_effect=RuntimeError("the secret inside")):
        answer = call(
            in_front(unreached, observed),
            SINGLE,
            ONE,
            HTTP_X_API_KEY=make_key(acme, "ingest")[1],
            HTTP_X_REQUEST_ID="mine",
        )
    assert (answer.status, answer.headers["X-Request-ID"]) == ("500 Internal Server Error", "mine")
    assert (json.loads(answer.body)["error"], json.loads(answer.body)["request_id"]) == (
        "internal_error",
        "mine",
    )
    assert b"secret" not in answer.body
    assert observed == [("POST", SINGLE, 500, "")]
    assert connection.connection is None


def test_neither_redis_nor_the_database(roads: dict[str, Callable[..., Answer]], acme: Tenant) -> None:
    keys = {road: make_key(acme, "ingest")[1] for road in roads}
    with mock.patch.object(events, "_keep", side_effect=OperationalError("server closed the connection")):
        answers = {road: send(SINGLE, ONE, HTTP_X_API_KEY=keys[road]) for road, send in roads.items()}
    for road, answer in answers.items():
        assert answer.status == "503 Service Unavailable", road
        assert answer.headers["Retry-After"] == "5", road
        assert json.loads(answer.body)["error"] == "unavailable", road
        assert b"server closed" not in answer.body, road
