"""Usage back out: filters, windows, pages, and what became of one event."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest
import time_machine
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts import redis_link
from accounts.models import Tenant, User
from accounts.wire import exact_number
from usage.models import DeadLetter, UsageEvent
from usage.tests.conftest import Post, drain
from usage.tests.documents import batch, event
from usage.tests.sums import mark

Get = Callable[..., Any]
Key = Callable[..., str]
NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
ROWS: Final[list[dict[str, Any]]] = [
    {"event_id": "a", "timestamp": NOON - timedelta(days=1)},
    {"event_id": "b", "timestamp": NOON, "service_type": "llm_service", "service_provider": "openai"},
    {"event_id": "c", "timestamp": NOON, "user_id": "jonas"},
    {"event_id": "d", "timestamp": NOON + timedelta(hours=12), "event_type": "gigabytes"},
    {"event_id": "e", "timestamp": NOON + timedelta(days=1), "service_type": "llm_service"},
]


def make(tenant: Tenant, *rows: dict[str, Any]) -> None:
    fixed = {"user_id": "anna", "service_type": "compute", "service_provider": "aws", "event_type": "hours"}
    for row in rows:
        event = UsageEvent.objects.create(tenant=tenant, **{**fixed, **row})
        mark(tenant, event.timestamp)


@pytest.fixture
def get(client_for: Callable[..., APIClient], key: Key) -> Get:
    """`get(limit=2)`: the usage page with these parameters, read with a key of acme."""
    client = client_for(key("read"))
    return lambda **parameters: client.get("/api/v1/usage", parameters)


def ids(answer: Any) -> str:
    assert answer.status_code == 200, answer.json()
    return "".join(item["event_id"] for item in answer.json()["events"])


def test_one_event_with_all_its_fields(acme: Tenant, get: Get) -> None:
    make(
        acme,
        {
            "event_id": "e",
            "timestamp": NOON,
            "metrics": {"n": 1},
            "billing_info": {"total_cost": "0.10"},
            "tags": ["t"],
            "metadata": {"k": "v"},
            "session_id": "s",
            "request_id": "r",
            "received_at": NOON + timedelta(seconds=1.5),
        },
    )
    body = get().json()
    through = body.pop("complete_through")
    assert datetime.now(UTC) - datetime.fromisoformat(through) < timedelta(seconds=30)
    assert body == {
        "events": [
            {
                "event_id": "e",
                "timestamp": "2026-03-10T12:00:00Z",
                "tenant_id": "acme",
                "user_id": "anna",
                "service_type": "compute",
                "service_provider": "aws",
                "event_type": "hours",
                "metrics": {"n": 1},
                "billing_info": {"total_cost": "0.10"},
                "total_cost": "0.10",
                "tags": ["t"],
                "metadata": {"k": "v"},
                "session_id": "s",
                "request_id": "r",
                "received_at": "2026-03-10T12:00:01.500000Z",
                "revision": 0,
            }
        ],
        "total_count": 1,
        "limit": 1000,
        "offset": 0,
        "has_more": False,
        "next_cursor": None,
        "pending": 0,
    }


@pytest.mark.every_case
@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, "edcba"),
        ({"service_type": "llm_service"}, "eb"),
        ({"service_provider": "openai"}, "b"),
        ({"user_id": "jonas"}, "c"),
        ({"event_type": "gigabytes"}, "d"),
        ({"service_type": "llm_service", "service_provider": "aws"}, "e"),
        ({"service_type": "LLM_SERVICE"}, ""),
        ({"user_id": "jon"}, ""),
        # From the start on, before the end.
        ({"start_date": "2026-03-10T12:00:00Z"}, "edcb"),
        ({"start_date": "2026-03-10T12:00:00.000001Z"}, "ed"),
        ({"end_date": "2026-03-10T12:00:00Z"}, "a"),
        ({"end_date": "2026-03-10T12:00:00.000001Z"}, "cba"),
        ({"start_date": "2026-03-10T12:00:00Z", "end_date": "2026-03-11T00:00:00Z"}, "cb"),
        ({"start_date": "2026-03-10T14:00:00+02:00", "end_date": "2026-03-10T14:00:01+02:00"}, "cb"),
        ({"start_date": "2026-03-10T12:00:00", "end_date": "2026-03-10T12:00:01"}, "cb"),
        # A bare end holds its whole day; `d` is at the midnight after it.
        ({"start_date": "2026-03-10", "end_date": "2026-03-10"}, "cb"),
        ({"start_date": "2026-03-11", "end_date": "2026-03-11"}, "ed"),
        ({"end_date": "2026-03-09"}, "a"),
        ({"start_date": "1970-01-01", "end_date": "9999-12-31"}, "edcba"),
        ({"start_date": "2026-03-12"}, ""),
        ({"tenant_id": "acme"}, "edcba"),
        ({"tenant_id": "acme", "user_id": "jonas", "start_date": "2026-03-11"}, ""),
    ],
)
def test_filters_and_windows(
    acme: Tenant, rival: Tenant, get: Get, parameters: dict[str, str], found: str
) -> None:
    make(acme, *ROWS)
    make(rival, *ROWS)
    answer = get(**parameters)
    assert (ids(answer), answer.json()["total_count"]) == (found, len(found))


@pytest.mark.parametrize("path", ["/usage", "/usage/", "/api/v1/usage", "/api/v1/usage/"])
def test_both_roots(acme: Tenant, key: Key, client_for: Callable[..., APIClient], path: str) -> None:
    make(acme, *ROWS)
    assert ids(client_for(key("read")).get(path)) == "edcba"


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10])
def test_offsets_and_cursors_give_the_same_pages(acme: Tenant, get: Get, limit: int) -> None:
    """Several events share a moment, so that the order needs the second key."""
    moments = [NOON + timedelta(minutes=n // 3) for n in range(10)]
    make(acme, *[{"event_id": str(n), "timestamp": moment} for n, moment in enumerate(moments)])
    by_offset, by_cursor, cursor = [], [], None
    for offset in range(0, 10, limit):
        page = get(limit=limit, offset=offset)
        assert page.json()["has_more"] is (offset + limit < 10)
        assert (page.json()["total_count"], page.json()["limit"], page.json()["offset"]) == (
            10,
            limit,
            offset,
        )
        by_offset.append(ids(page))
        page = get(limit=limit, **({"cursor": cursor} if cursor else {}))
        by_cursor.append(ids(page))
        cursor = page.json()["next_cursor"]
        assert (cursor is not None) is page.json()["has_more"] is (offset + limit < 10)
    assert by_offset == by_cursor
    assert "".join(by_offset) == "9876543210"


def test_a_cursor_holds_its_place_while_events_arrive(acme: Tenant, get: Get) -> None:
    make(acme, *ROWS)
    first = get(limit=2)
    assert ids(first) == "ed"
    make(acme, {"event_id": "f", "timestamp": NOON + timedelta(days=2)}, {"event_id": "g", "timestamp": NOON})
    assert ids(get(limit=2, offset=2)) == "dg"  # an offset does not
    second = get(limit=2, cursor=first.json()["next_cursor"])
    third = get(limit=2, cursor=second.json()["next_cursor"])
    # `g` shares its moment with `c` and `b`, but is newer: it belongs before them.
    assert (ids(second), ids(third), third.json()["next_cursor"]) == ("gc", "ba", None)
    assert third.json()["total_count"] == 7


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"offset": "10000001"}, "offset"),
        ({"start_date": "yesterday"}, "start_date"),
        ({"start_date": "2026-02-30"}, "start_date"),
        ({"end_date": "2026-13-01T00:00:00Z"}, "end_date"),
        ({"end_date": "0001-01-01T00:00:00+23:59"}, "end_date"),
        ({"end_date": "9999-12-31T23:59:59-23:59"}, "end_date"),
        ({"start_date": "2026-03-11", "end_date": "2026-03-10"}, "end_date"),
        ({"start_date": "2026-03-10T12:00:00Z", "end_date": "2026-03-10T12:00:00Z"}, "end_date"),
        ({"service_type": "x" * 51}, "service_type"),
        ({"user_id": "x" * 256}, "user_id"),
        ({"user_id": "a\0b"}, "user_id"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"cursor": "MjAyNi0wMy0xMHx4"}, "cursor"),
        ({"cursor": "MDAwMS0wMS0wMVQwMDowMDowMCsyMzo1OXx4"}, "cursor"),
    ],
)
def test_a_parameter_that_is_none(acme: Tenant, get: Get, parameters: dict[str, str], field: str) -> None:
    answer = get(**parameters)
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert answer.json()["message"].startswith(f"{field}: ")


@pytest.mark.parametrize("name", ["rival", "no-such-tenant"])
def test_a_foreign_tenant(acme: Tenant, rival: Tenant, get: Get, name: str) -> None:
    make(rival, *ROWS)
    answer = get(tenant_id=name)
    assert (answer.status_code, answer.json()["error"]) == (403, "permission_denied")
    assert "events" not in answer.json()


@pytest.mark.parametrize("scope", ["ingest", "build"])
def test_a_key_that_may_not_read(
    acme: Tenant, key: Key, client_for: Callable[..., APIClient], scope: str
) -> None:
    make(acme, *ROWS)
    for path in ("/api/v1/usage", "/api/v1/events/a"):
        assert client_for(key(scope)).get(path).status_code == 403


def test_people_see_their_own_tenant(
    acme: Tenant, rival: Tenant, viewer: User, stranger: User, client_for: Callable[..., APIClient]
) -> None:
    make(acme, *ROWS)
    assert ids(client_for(viewer).get("/api/v1/usage")) == "edcba"
    assert ids(client_for(stranger).get("/api/v1/usage")) == ""
    assert client_for(stranger).get("/api/v1/usage?tenant_id=acme").status_code == 403
    assert client_for(None).get("/api/v1/usage").status_code == 401


def test_the_number_of_queries_does_not_grow(
    acme: Tenant, get: Get, django_assert_max_num_queries: Any
) -> None:
    make(acme, {"event_id": "first", "timestamp": NOON})
    get()  # the key is known from here on
    counts = []
    for more in (0, 199):
        make(acme, *[{"event_id": f"{more}-{n}", "timestamp": NOON} for n in range(more)])
        with django_assert_max_num_queries(5) as seen:
            assert get().json()["total_count"] == more + 1
        assert isinstance(seen, CaptureQueriesContext)
        counts.append(len(seen))
    assert counts[0] == counts[1]  # the marks, the sums and the page


NUMBERS: Final = [
    "0.1",
    "1e-20",
    "1E+30",
    "-0.5",
    "0." + "1" * 29,
    "9" * 38,
    "-" + "9" * 38,
    "1." + "2" * 37,
    "1.50",
]


def test_numbers_come_back_exactly(
    post: Post, key: Key, acme: Tenant, client_for: Callable[..., APIClient]
) -> None:
    metrics = ",".join(f'"n{place}":{number}' for place, number in enumerate(NUMBERS))
    body = (
        b'{"tenant_id":"acme","user_id":"u","service_type":"s","service_provider":"p","event_type":"t",'
        b'"event_id":"e","metrics":{%s},"billing_info":{"total_cost":0.30}}' % metrics.encode()
    )
    caller = key("write")
    assert post(caller, body).status_code == 202
    drain()
    answer = client_for(caller).get("/api/v1/usage").content
    found = msgspec.json.Decoder(dict[str, Any], float_hook=exact_number).decode(answer)["events"][0]
    assert [Decimal(found["metrics"][f"n{place}"]) for place in range(len(NUMBERS))] == list(
        map(Decimal, NUMBERS)
    )
    assert Decimal(found["total_cost"]) == Decimal("0.30")
    assert isinstance(found["total_cost"], str)


def test_all_is_complete_where_nothing_waits(acme: Tenant, get: Get) -> None:
    moment = datetime.now(UTC)
    with time_machine.travel(moment, tick=False):
        assert datetime.fromisoformat(get().json()["complete_through"]) == moment


@pytest.mark.full
def test_complete_through_is_when_the_oldest_waiting_event_was_accepted(
    acme: Tenant, post: Post, key: Key, get: Get
) -> None:
    caller = key("ingest")
    before = datetime.now(UTC)
    post(caller, event(event_id="a"))
    after = datetime.now(UTC)
    post(caller, event(event_id="b"))
    page = get()
    slack = timedelta(milliseconds=20)  # Redis names milliseconds
    assert before - slack <= datetime.fromisoformat(page.json()["complete_through"]) <= after + slack
    assert ids(page) == ""
    drain()
    page = get()
    assert datetime.fromisoformat(page.json()["complete_through"]) > after
    assert sorted(ids(page)) == ["a", "b"]


@pytest.mark.full
def test_nothing_is_promised_while_redis_is_away(acme: Tenant, get: Get) -> None:
    make(acme, *ROWS)
    redis_link.breaker.trip()
    answer = get()
    assert answer.json()["complete_through"] is None
    assert ids(answer) == "edcba"


def disposition(client: APIClient, event_id: str) -> tuple[int, str, str]:
    answer = client.get(f"/api/v1/events/{event_id}")
    body = answer.json()
    return answer.status_code, body.get("status", body.get("error")), body.get("reason", "")


@pytest.mark.full
def test_a_waiting_event_is_pending_until_it_is_stored(
    acme: Tenant, post: Post, key: Key, stranger_key: str, client_for: Callable[..., APIClient]
) -> None:
    client = client_for(caller := key("write"))
    post(caller, batch(event(event_id="first"), event(event_id='second "é')), path="/api/v1/events/batch")
    assert disposition(client, "first") == (200, "pending", "")
    assert disposition(client, 'second "é') == (200, "pending", "")
    assert client.get("/api/v1/events/first").json()["event"] is None
    # Neither a part of an id nor another text of the event, and nobody else's.
    for other in ("firs", "anna", "compute", "user_id"):
        assert disposition(client, other)[:2] == (404, "not_found")
    assert disposition(client_for(stranger_key), "first")[:2] == (404, "not_found")
    drain()
    assert disposition(client, "first") == (200, "stored", "")
    redis_link.breaker.trip()
    assert disposition(client, "first") == (200, "stored", "")
    assert disposition(client, "unheard-of")[:2] == (503, "unavailable")


def test_a_stored_event(
    acme: Tenant, post: Post, key: Key, stranger_key: str, client_for: Callable[..., APIClient]
) -> None:
    client = client_for(caller := key("write"))
    post(caller, event(event_id="e", metrics={"n": 1.5}))
    drain()
    body = client.get("/api/v1/events/e").json()
    assert (body["event_id"], body["status"], body["reason"]) == ("e", "stored", "")
    assert (body["event"]["event_id"], body["event"]["metrics"]) == ("e", {"n": 1.5})
    for path in ("/events/e", "/events/e/", "/api/v1/events/e/"):
        assert client.get(path).json()["status"] == "stored"
    assert disposition(client_for(stranger_key), "e")[:2] == (404, "not_found")
    assert client_for(stranger_key).get("/api/v1/events/e?tenant_id=acme").status_code == 403


@pytest.mark.parametrize("event_id", ["unheard-of", "a%00b", "x" * 300, "é"])
def test_an_event_that_was_never_sent(
    acme: Tenant, key: Key, client_for: Callable[..., APIClient], event_id: str
) -> None:
    assert disposition(client_for(key("read")), event_id)[:2] == (404, "not_found")


def test_a_rejected_event(
    acme: Tenant, rival: Tenant, key: Key, stranger_key: str, client_for: Callable[..., APIClient]
) -> None:
    client = client_for(key("read"))
    letter = DeadLetter.objects.create(
        tenant=acme, entry_id="1-1", event_id="e", payload="[]", reason="The database would not have it."
    )
    assert disposition(client, "e") == (200, "rejected", "The database would not have it.")
    assert disposition(client_for(stranger_key), "e")[:2] == (404, "not_found")
    make(acme, {"event_id": "e", "timestamp": NOON})
    assert disposition(client, "e") == (200, "stored", "")
    assert letter.status == DeadLetter.Status.DEAD
