"""The lane on an event loop: the answers of the lane, at once where nobody has to be asked."""

import asyncio
import json
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any, Final
from unittest import mock

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError, connection
from django.utils import timezone
from prometheus_client import REGISTRY

from accounts.errors import Unavailable
from accounts.keyring import keyring
from accounts.models import ApiKey, Tenant
from accounts.principals import SYSTEM
from accounts.redis_link import RedisAway, breaker, client
from accounts.throttles import limiter
from tests.builders import make_key
from usage import lane, loop_lane, queue
from usage.loop_lane import Aside, LoopLane
from usage.quotas import gate
from usage.services.quotas import quota_set
from usage.shards import shards
from usage.tests.documents import as_bytes, batch, event
from usage.tests.loop_calls import Caller, answered, scope_of
from usage.tests.test_lane import (
    BATCH,
    ONE,
    REQUESTS,
    SINGLE,
    UNUSUAL,
    call,
    comparable,
    in_front,
    unreached,
)

pytestmark = [pytest.mark.full, pytest.mark.django_db]
SLOW: Final = {"flat fields", "batch with bad ones"}
MANY: Final = 10_000  # of such a limit ten calls are counted at once


@pytest.fixture(autouse=True)
def one_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Calls end by closing their connection, which here holds the test's own transaction."""
    for module in (lane, loop_lane):
        monkeypatch.setattr(module, "close_connection", lambda: None)
    gate.forget()
    yield
    gate.forget()


@pytest.fixture
def caller() -> Caller:
    return Caller()


def known(acme: Tenant, rate_limit: int) -> str:
    """A key that was used a moment ago."""
    secret = make_key(acme, "ingest", rate_limit=rate_limit)[1]
    acme.rate_limit = MANY
    acme.save()
    assert call(in_front(unreached), SINGLE, ONE, HTTP_X_API_KEY=secret).status == "202 Accepted"
    client().flushdb()
    return secret


@pytest.fixture
def warm(acme: Tenant) -> str:
    """With calls that are counted already."""
    return known(acme, MANY)


def entries() -> list[Any]:
    rows: Any = client().xrange(shards()[0].stream)
    return [json.loads(fields[b"e"]) for _, fields in rows]


def test_a_plain_call_asks_nobody(caller: Caller, warm: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0), mock.patch.object(limiter, "_count", side_effect=AssertionError):
        one = caller(SINGLE, as_bytes(event(event_id="a", metrics={"n": 1.5})), warm)
        two = caller(BATCH, as_bytes(batch(event(event_id="b"), event(event_id="c"))), warm)
    assert (one.status, two.status, caller.threads, caller.handed_over) == (202, 202, 0, [])
    assert json.loads(one.body) == {
        "success": True,
        "event_id": "a",
        "message": "Event received and queued for processing",
        "status": "queued",
    }
    assert [result["event_id"] for result in json.loads(two.body)["results"]] == ["b", "c"]
    assert [[sent["event_id"] for sent in entry] for entry in entries()] == [["a"], ["b", "c"]]
    assert caller.observed == [("POST", SINGLE, 202, "acme"), ("POST", BATCH, 202, "acme")]


@pytest.mark.parametrize("road", ["asked for", "at once"])
@pytest.mark.parametrize("name", [name for name in REQUESTS if name != "too large"])
def test_the_lanes_answers(
    name: str, road: str, caller: Caller, warm: str, acme: Tenant, rival: Tenant
) -> None:
    path, body, status = REQUESTS[name]
    limit = {"at once": MANY, "asked for": MANY - 1}[road]
    secret = known(acme, limit)
    if road == "asked for":
        limiter._leases.clear()
    expected = call(in_front(unreached), path, body, HTTP_X_API_KEY=make_key(acme, "ingest")[1])
    answer = caller(path, body, secret)
    assert (expected.status, answer.status) == (status, int(status[:3]))
    assert comparable(json.loads(answer.body)) == comparable(json.loads(expected.body))
    assert answer.headers.keys() == {header.lower() for header in expected.headers}
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["x-ratelimit-limit"] == str(limit)
    assert caller.handed_over == []
    assert (caller.threads == 0) is (road == "at once" and answer.status == 202 and name not in SLOW)


@pytest.mark.parametrize("name", UNUSUAL)
def test_calls_that_are_handed_over_whole(name: str, caller: Caller, warm: str, settings: Any) -> None:
    settings.MASTER_TOKEN = "the-master-token"
    assert caller(SINGLE, ONE, warm, **UNUSUAL[name]).status == 204
    assert (caller.handed_over, caller.threads, caller.observed) == ([ONE], 0, [])


def test_a_key_that_has_to_be_looked_up_is_handed_over_unread(caller: Caller, acme: Tenant) -> None:
    for secret in (make_key(acme, "ingest")[1], "unknown-key"):
        assert caller(SINGLE, ONE, secret).status == 204
    assert (caller.handed_over, caller.threads, entries()) == ([ONE, ONE], 0, [])


def test_a_large_body_is_handed_over(caller: Caller, warm: str) -> None:
    large = as_bytes(event(metadata={"text": "x" * (loop_lane.LARGEST - len(ONE))}))
    assert len(large) > loop_lane.LARGEST
    assert (caller(SINGLE, large, warm).status, caller.handed_over) == (204, [large])


@pytest.mark.parametrize("length", ["0" * 5000 + str(len(ONE)), "9" * 5000])
def test_a_length_of_thousands_of_digits_is_handed_over(length: str, caller: Caller, warm: str) -> None:
    assert caller(SINGLE, ONE, warm, CONTENT_LENGTH=length).status == 204


def test_what_comes_in_chunks_is_handed_over(caller: Caller, warm: str) -> None:
    assert caller(SINGLE, ONE, warm, HTTP_TRANSFER_ENCODING="chunked").status == 204


def test_a_header_given_twice_is_not_the_last_of_them(caller: Caller, warm: str) -> None:
    scope = scope_of(SINGLE, ONE, {"HTTP_X_API_KEY": "another"})
    scope["headers"].append((b"x-api-key", warm.encode()))
    application = LoopLane(caller._other, new_request_id=str, observe=caller._note)
    assert async_to_sync(answered)(application, scope, [ONE]).status == 204


def test_a_header_with_an_underscore_is_not_the_one_with_a_dash(caller: Caller, warm: str) -> None:
    scope = scope_of(SINGLE, ONE, {"HTTP_X_API_KEY": None})
    scope["headers"].append((b"x_api_key", warm.encode()))
    application = LoopLane(caller._other, new_request_id=str, observe=caller._note)
    assert async_to_sync(answered)(application, scope, [ONE]).status == 204
    assert entries() == []


def test_a_body_in_parts_is_put_together(caller: Caller, warm: str) -> None:
    application = LoopLane(caller._other, new_request_id=str, observe=caller._note)
    scope = scope_of(SINGLE, ONE, {"HTTP_X_API_KEY": warm})
    assert async_to_sync(answered)(application, scope, [ONE[:7], b"", ONE[7:]]).status == 202
    assert len(entries()) == 1


def test_a_caller_who_is_gone_is_not_answered(caller: Caller, warm: str) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    application = LoopLane(caller._other, new_request_id=str, observe=caller._note)
    async_to_sync(application)(scope_of(SINGLE, ONE, {"HTTP_X_API_KEY": warm}), receive, send)
    assert (entries(), caller.observed) == ([], [])


def left(secret_limit: int = MANY) -> list[int]:
    return [lease.left for (_, _, limit), lease in limiter._leases.items() if limit == secret_limit]


def test_each_call_is_counted_once_on_either_road(caller: Caller, warm: str) -> None:
    before = left()
    assert before == [9, 9]  # the key's and the tenant's
    caller(SINGLE, ONE, warm)
    assert (left(), caller.threads) == ([8, 8], 0)
    caller(SINGLE, as_bytes(event(hours=1)), warm)  # an old sender's field
    assert (left(), caller.threads) == ([7, 7], 1)


def test_a_limit_that_must_be_asked_for_takes_a_thread(caller: Caller, acme: Tenant) -> None:
    secret = known(acme, 2)
    answers = [caller(SINGLE, ONE, secret) for _ in range(3)]
    assert [answer.status for answer in answers] == [202, 202, 429]
    assert caller.threads == 3
    assert caller(SINGLE, ONE, secret).status == 429  # remembered
    assert caller.threads == 3
    assert len(entries()) == 2


def test_the_months_quota_holds(caller: Caller, warm: str, acme: Tenant) -> None:
    quota_set(by=SYSTEM, tenant=acme, monthly_events=3, hard=True)
    gate.forget()
    three = as_bytes(batch(event(), event()))
    answers = [caller(BATCH, three, warm) for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 429]
    assert answers[1].headers["ratelimit-policy"] == f'"key";q={MANY};w=60'
    assert caller.threads == 1  # the first asked what was used
    assert [len(entry) for entry in entries()] == [2]


def test_without_redis_the_events_are_stored_aside(
    caller: Caller, warm: str, stored: Any, acme: Tenant
) -> None:
    before = REGISTRY.get_sample_value("event_queue_fallbacks_total") or 0.0
    with mock.patch.object(queue, "append_soon", side_effect=RedisAway):
        one = caller(SINGLE, as_bytes(event(event_id="a")), warm)
        again = caller(BATCH, as_bytes(batch(event(event_id="a"), event(event_id="b"))), warm)
    assert (json.loads(one.body)["status"], caller.threads) == ("stored", 2)
    statuses = {r["event_id"]: r["status"] for r in json.loads(again.body)["results"]}
    assert statuses == {"a": "duplicate", "b": "stored"}
    assert REGISTRY.get_sample_value("event_queue_fallbacks_total") == before + 2
    assert entries() == []
    assert [row.event_id for row in stored(acme)] == ["a", "b"]


def test_while_redis_is_left_alone_calls_are_handed_over(caller: Caller, warm: str) -> None:
    breaker.trip()
    try:
        assert (caller(SINGLE, ONE, warm).status, caller.handed_over) == (204, [ONE])
    finally:
        breaker._open_until = 0.0


@pytest.mark.parametrize(
    ("error", "status"), [(OperationalError("server closed"), 503), (RuntimeError("the secret"), 500)]
)
def test_what_goes_wrong_is_told_without_its_reason(
    error: Exception, status: int, caller: Caller, warm: str
) -> None:
    with mock.patch.object(loop_lane, "plain_accept", side_effect=error):
        answer = caller(SINGLE, ONE, warm, HTTP_X_REQUEST_ID="mine")
    assert (answer.status, json.loads(answer.body)["request_id"]) == (status, "mine")
    assert b"secret" not in answer.body
    assert b"server closed" not in answer.body
    assert caller.observed == [("POST", SINGLE, status, "acme")]


def test_no_more_calls_wait_for_threads_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_lane, "MOST_ASIDE", 2)
    aside, go = Aside(), threading.Event()

    async def three() -> list[Any]:
        waiting = [asyncio.create_task(aside(partial(go.wait, 10))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await aside(lambda: True)
        go.set()
        return [*await asyncio.gather(*waiting), await aside(lambda: "room again")]

    assert async_to_sync(three)() == [True, True, "room again"]


def test_a_body_of_very_many_values_takes_a_thread(caller: Caller, warm: str) -> None:
    many = as_bytes(event(metrics={"n": list(range(loop_lane.MOST_VALUES))}))
    assert len(many) < loop_lane.LARGEST
    assert (caller(SINGLE, many, warm).status, caller.threads) == (202, 1)


def test_a_key_that_ended_while_its_body_came_is_not_good(caller: Caller, warm: str) -> None:
    ApiKey.objects.update(revoked_at=timezone.now())  # as in another process
    parts = [ONE[:7], ONE[7:]]

    async def receive() -> Any:
        keyring.clear()
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    application = LoopLane(caller._other, new_request_id=str, observe=caller._note)
    with mock.patch.object(loop_lane, "aside", caller._aside):
        async_to_sync(application)(scope_of(SINGLE, ONE, {"HTTP_X_API_KEY": warm}), receive, send)
    assert (sent[0]["status"], caller.threads, entries()) == (401, 1, [])


def test_each_answer_is_told_to_the_log(caller: Caller, warm: str) -> None:
    with mock.patch.object(loop_lane, "log_call") as log_call:
        caller(SINGLE, ONE, warm)
    (meta, answer, seconds), _ = log_call.call_args
    assert (meta["PATH_INFO"], answer.status, answer.caller.tenant, seconds > 0) == (
        SINGLE,
        202,
        "acme",
        True,
    )


def test_a_thread_gives_its_connection_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, so that the second work finds what the first has left."""
    monkeypatch.undo()
    monkeypatch.setattr(loop_lane, "THREADS", 1)
    aside = Aside()

    def ask() -> tuple[str, bool]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return threading.current_thread().name, connection.connection is None

    async def twice() -> list[Any]:
        return [await aside(work) for work in (ask, lambda: connection.connection is None)]

    assert async_to_sync(twice)() == [("lane_0", False), True]


def test_calls_of_a_moment_share_an_exchange(caller: Caller, warm: str) -> None:
    caller(SINGLE, ONE, warm)  # opens the connection
    client().flushdb()
    calls = [(SINGLE, as_bytes(event(event_id=f"e{number}"))) for number in range(6)]
    answers = caller.all(calls, warm)
    assert [json.loads(answer.body)["event_id"] for answer in answers] == [
        f"e{number}" for number in range(6)
    ]
    assert [entry[0]["event_id"] for entry in entries()] == [f"e{number}" for number in range(6)]
