"""Who was refused a moment ago is refused again for next to nothing, and nobody else is."""

import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.urls import URLResolver, get_resolver
from rest_framework.test import APIClient

from accounts import throttles
from accounts.keyring import keyring
from accounts.models import Tenant
from accounts.throttles import limiter
from config import door
from config.metrics import RATE_LIMITED
from tests.builders import make_key

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]
STANDING = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "RateLimit-Policy", "Content-Type")


@pytest.fixture
def refused(client_for: Client, acme: Tenant) -> APIClient:
    """A client who is over their limit of one call a minute."""
    client = client_for(make_key(acme, "read", rate_limit=1)[1])
    assert [client.get("/activity").status_code for _ in range(2)] == [200, 429]
    return client


def test_the_second_refusal_is_the_first_one_again_and_costs_nothing(
    refused: APIClient, django_assert_num_queries: Any
) -> None:
    limiter._leases.clear()
    first = refused.get("/api/v1/activity")  # the whole way
    with django_assert_num_queries(0), mock.patch.object(limiter, "_count", side_effect=AssertionError):
        again = refused.get("/api/v1/activity")
    for answer in (first, again):
        assert answer.status_code == 429
        assert abs(int(answer["Retry-After"]) - answer.json()["retry_after"]) == 0
    apart = {"request_id": "", "retry_after": 0}
    assert {**first.json(), **apart} == {**again.json(), **apart}
    assert [first[name] for name in STANDING] == [again[name] for name in STANDING]
    assert again["X-Content-Type-Options"] == "nosniff"
    assert again["X-Request-ID"] == again.json()["request_id"]


def test_no_view_is_looked_for_and_no_body_read(refused: APIClient) -> None:
    with mock.patch("django.core.handlers.base.BaseHandler.resolve_request", side_effect=AssertionError):
        answer = refused.post("/api/v1/nothing/here", b"{" * 10_000, content_type="application/json")
    assert answer.status_code == 429


def test_it_is_counted_for_its_tenant(refused: APIClient) -> None:
    before = RATE_LIMITED.labels("unknown")._value.get()
    refused.get("/api/v1/activity")
    assert RATE_LIMITED.labels("unknown")._value.get() == before + 1


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/health", {}),
        ("/api/v1/ready/", {}),
        ("/openapi.json", {}),
        ("/api/v1", {}),
        ("/api/v1/activity", {"HTTP_ORIGIN": "https://app.example.com"}),
    ],
)
def test_whatever_else_they_ask_goes_the_whole_way(
    refused: APIClient, path: str, headers: dict[str, Any]
) -> None:
    with mock.patch.object(door, "error_response", side_effect=AssertionError):
        assert refused.get(path, **headers).status_code in {200, 401, 429, 503}


def test_while_nobody_is_refused_nobody_is_looked_at(client_for: Client, acme: Tenant) -> None:
    client = client_for(make_key(acme, "read", rate_limit=2)[1])
    with mock.patch.object(keyring, "known", wraps=keyring.known) as known:
        assert [client.get("/activity").status_code for _ in range(3)] == [200, 200, 429]
        assert known.call_count == 0
        assert client.get("/api/v1/activity").status_code == 429
        assert known.call_count == 1


def test_another_key_is_not_held_up(refused: APIClient, client_for: Client, acme: Tenant) -> None:
    assert client_for(make_key(acme, "read")[1]).get("/activity").status_code == 200


@pytest.mark.parametrize(("limit", "seconds"), [(1, 1.0), (120, 1.0), (1000, 0.12), (6000, 0.02)])
def test_a_refusal_holds_until_a_call_or_two_would_be_let_in(limit: int, seconds: float) -> None:
    for _ in range(limit + 1):
        verdict = limiter.hit("test", "x", limit)
    assert not verdict.allowed
    assert limiter._leases["test", "x", limit].until - time.monotonic() == pytest.approx(seconds, abs=0.02)
    limiter._leases["test", "x", limit].until = time.monotonic()
    assert limiter.refusal("test", "x", limit) is None


def test_one_who_is_refused_gets_the_whole_limit_all_the_same(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two minutes at ten times the limit: as many are let in as without a memory of refusals."""
    import time_machine

    settings.REDIS_URL = ""
    monkeypatch.setattr(throttles, "time", mock.Mock(time=time.time, monotonic=lambda: time.time()))
    admitted = []
    for seconds in (throttles.REFUSED_SECONDS, 0.0):
        throttles._local.cache_clear()
        limiter._leases.clear()
        with (
            mock.patch.object(throttles, "REFUSED_SECONDS", seconds),
            time_machine.travel(1_800_000_000, tick=False) as clock,
        ):
            let_in = 0
            for _ in range(2 * 60 * 10):
                let_in += limiter.hit("test", "x", 60).allowed
                clock.shift(0.1)
        admitted.append(let_in)
    assert admitted[0] == pytest.approx(admitted[1], rel=0.05)


def paths(resolver: Any, prefix: str = "/") -> Any:
    for pattern in resolver.url_patterns:
        here = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from paths(pattern, here)
        else:
            yield here, pattern.callback


def test_what_no_view_counts_is_never_refused() -> None:
    views = {path: getattr(view, "cls", None) for path, view in paths(get_resolver())}
    uncounted = {path for path, view in views.items() if view is not None and view.throttle_classes == []}
    assert len(uncounted) > 10
    assert [path for path in uncounted if door._is_counted(path)] == []
    api = {path for path, view in views.items() if view is not None} - uncounted
    assert [path for path in api if not door._is_counted(path)] == []
