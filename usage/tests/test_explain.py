"""From a figure to its events, and from an event to its figures."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import Tenant, User
from accounts.principals import Principal
from accounts.wire import encode
from usage import ledger
from usage.models import DeadLetter, Meter, Rollup
from usage.queries import explain as module
from usage.rollups import recompute_all
from usage.services.corrections import event_void
from usage.tests.bills import close, make_rule
from usage.tests.documents import row

EXPLAIN: Final = "/api/v1/usage/explain"
WINDOW: Final = {"start_date": "2026-03-01T00:30:00Z", "end_date": "2026-03-03T00:00:00Z"}


def store(tenant: Tenant, event_id: str, timestamp: str, cost: str = "0.1", **fields: Any) -> None:
    billing = {"total_cost": cost, "currency": "USD"}
    sent = row(event_id, timestamp=timestamp, billing_info=billing, **fields)
    rows = ledger.read_rows(encode([sent]))
    ledger.store([ledger.Lot(str(tenant.pk), datetime(2026, 3, 9, tzinfo=UTC), rows, "1-1")])


def aggregate() -> None:
    list(recompute_all())


@pytest.fixture
def api(client_for: Callable[..., APIClient], viewer: User) -> APIClient:
    return client_for(viewer)


@pytest.fixture
def by(acme: Tenant) -> Principal:
    return Principal(kind="user", actor="user:x", tenant=acme)


@pytest.fixture
def events(acme: Tenant, rival: Tenant, by: Principal) -> None:
    store(acme, "too-early", "2026-03-01T00:29:59.999999Z")
    store(acme, "edge", "2026-03-01T00:30:00Z")
    store(acme, "hour", "2026-03-01T10:00:00Z", metadata={"model": "m"})
    store(acme, "day", "2026-03-02T12:00:00Z", cost="0.20", user_id="ben")
    store(acme, "voided", "2026-03-02T13:00:00Z")
    store(acme, "too-late", "2026-03-03T00:00:00Z")
    store(rival, "foreign", "2026-03-02T12:00:00Z")
    event_void(by=by, event_id="voided", reason="A test.")
    aggregate()
    store(acme, "late", "2026-03-01T11:00:00Z", cost="0.05")


def explain(api: APIClient, **query: Any) -> Any:
    return api.get(EXPLAIN, {**WINDOW, **query})


@pytest.mark.usefixtures("events")
def test_a_figure_is_its_parts_and_its_events(api: APIClient) -> None:
    found = explain(api).json()
    assert found["figure"] == found["listed"] == {"count": 4, "costs": {"USD": "0.45"}, "metrics": {}}
    assert (found["agrees"], found["not_recounted"]) == (True, "")
    assert [event["event_id"] for event in found["events"]] == ["day", "late", "hour", "edge"]
    assert {event["value"] for event in found["events"]} == {None}
    parts = [(part["source"], part["start"][5:13], part["figure"]["count"]) for part in found["parts"]]
    assert parts == [
        ("raw", "03-01T00", 1),
        ("hour", "03-01T01", 1),
        ("raw", "03-01T11", 1),
        ("hour", "03-01T12", 0),
        ("day", "03-02T00", 1),
    ]
    assert found["complete_through"] is not None
    assert found["pending"] == 0


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize(
    ("group", "ids"),
    [({"user_id": "ben"}, ["day"]), ({"model": "m"}, ["hour"]), ({"model": ""}, ["day", "late", "edge"])],
)
def test_a_groups_figure(api: APIClient, group: dict[str, str], ids: list[str]) -> None:
    found = explain(api, **group).json()
    assert [event["event_id"] for event in found["events"]] == ids
    assert (found["figure"]["count"], found["agrees"]) == (len(ids), True)


@pytest.fixture
def tokens(acme: Tenant, rival: Tenant) -> None:
    """1.50, 0.2 and no number in sums, 40 beside them."""
    for event_id, timestamp, number in (
        ("a", "2026-03-01T10:00:00Z", Decimal("1.50")),
        ("b", "2026-03-02T10:00:00Z", Decimal("0.2")),
        ("c", "2026-03-02T11:00:00Z", "many"),
    ):
        store(acme, event_id, timestamp, metrics={"tokens": number, "other": 7})
    store(rival, "foreign", "2026-03-02T12:00:00Z", metrics={"tokens": 100})
    aggregate()
    store(acme, "d", "2026-03-02T12:00:00Z", metrics={"tokens": 40})


@pytest.mark.usefixtures("tokens")
def test_a_metric_is_its_parts_and_each_events_value(api: APIClient) -> None:
    found = explain(api, metric="tokens").json()
    sums = {"tokens": {"n": 3, "sum": "41.7", "min": "0.2", "max": "40"}}
    assert found["figure"] == found["listed"] == {"count": 4, "costs": {"USD": "0.4"}, "metrics": sums}
    assert found["agrees"] is True
    values = {event["event_id"]: event["value"] for event in found["events"]}
    assert values == {"a": "1.5", "b": "0.2", "c": None, "d": "40"}
    parts = [(part["source"], part["figure"]["metrics"].get("tokens")) for part in found["parts"]]
    assert [part for part in parts if part[1]] == [
        ("hour", {"n": 2, "sum": "1.7", "min": "0.2", "max": "1.5"}),
        ("raw", {"n": 1, "sum": "40", "min": "40", "max": "40"}),
    ]


@pytest.mark.usefixtures("tokens")
def test_a_metrics_sum_that_does_not_hold_shows(api: APIClient) -> None:
    for rollup in Rollup.objects.filter(level="hour_total", metrics__tokens__isnull=False):
        Rollup.objects.filter(pk=rollup.pk).update(metrics={"tokens": [1, 9, 9, 9]})
    found = explain(api, metric="tokens").json()
    assert (found["agrees"], found["listed"]["metrics"]["tokens"]["sum"]) == (False, "41.7")
    assert found["figure"]["metrics"]["tokens"]["sum"] == "58"
    assert explain(api).json()["agrees"] is True  # it says nothing of what was not asked


@pytest.mark.usefixtures("tokens")
def test_too_many_events_are_not_added_up_again(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RECOUNTED", 3)
    found = explain(api, metric="tokens").json()
    assert (found["figure"]["count"], len(found["events"])) == (4, 4)
    assert (found["listed"], found["agrees"]) == (None, None)
    assert found["not_recounted"] == "There are more than 20000 events."


def test_what_counted_then(api: APIClient, acme: Tenant, by: Principal) -> None:
    store(acme, "kept", "2026-03-01T10:00:00Z", metrics={"tokens": 1})
    store(acme, "voided", "2026-03-01T11:00:00Z", cost="0.3", metrics={"tokens": 2})
    aggregate()
    with time_machine.travel("2026-03-12T00:00:00Z"):
        event_void(by=by, event_id="voided", reason="A test.")
    for as_of, ids, sources, figure in (
        ("2026-03-08", [], ["raw"], (0, {}, None)),
        ("2026-03-11T01:00:00+01:00", ["voided", "kept"], ["raw"], (2, {"USD": "0.4"}, "3")),
        ("2026-03-13", ["kept"], ["raw", "hour", "raw", "hour", "day"], (1, {"USD": "0.1"}, "1")),
    ):
        found = explain(api, as_of=as_of, metric="tokens").json()
        told = found["figure"]
        measured = told["metrics"].get("tokens", {}).get("sum")
        assert [event["event_id"] for event in found["events"]] == ids
        assert ((told["count"], told["costs"], measured), found["agrees"]) == (figure, True)
        assert [part["source"] for part in found["parts"]] == sources


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize("query", [{}, {"metric": "tokens", "as_of": "2026-03-08"}])
def test_it_takes_few_queries(
    api: APIClient, acme: Tenant, query: dict[str, str], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(10) as few:
        explain(api, **query)
    for number in range(5):
        store(acme, f"more-{number}", f"2026-03-02T{number:02}:00:00Z", event_type=f"type-{number}")
    with django_assert_max_num_queries(len(few)):
        explain(api, **query)


@pytest.mark.usefixtures("events")
def test_pages_of_events(api: APIClient) -> None:
    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = explain(api, limit=1, **({"cursor": cursor} if cursor else {})).json()
        ids += [event["event_id"] for event in page["events"]]
        cursor = page["next_cursor"]
    assert ids == ["day", "late", "hour", "edge"]


@pytest.mark.usefixtures("events")
def test_a_sum_that_does_not_hold_shows(api: APIClient) -> None:
    Rollup.objects.filter(level="day_total").update(count=7)
    found = explain(api).json()
    assert (found["agrees"], found["figure"]["count"], found["listed"]["count"]) == (False, 10, 4)


@pytest.mark.parametrize(
    "query",
    [
        {"start_date": ""},
        {"end_date": "2026-01-01"},
        {"limit": 0},
        {"cursor": "x"},
        {"as_of": "x"},
        {"rule_id": "", "model": "m"},
    ],
)
def test_a_question_that_makes_no_sense(api: APIClient, query: dict[str, Any]) -> None:
    assert explain(api, **query).status_code == 400


def test_an_event_and_its_figures(api: APIClient, acme: Tenant) -> None:
    Meter.objects.create(
        tenant=acme,
        slug="tokens",
        name="T",
        aggregation="sum",
        value="metrics.tokens",
        filter='user_id = "ben"',
    )
    Meter.objects.create(tenant=acme, slug="users", name="U", aggregation="unique", value="user_id")
    Meter.objects.create(tenant=acme, slug="others", name="O", filter='user_id = "anna"')
    rule = make_rule(acme)
    fields: dict[str, Any] = {"service_type": "llm_service", "metrics": {"tokens": Decimal("1.50")}}
    store(acme, "a", "2026-03-01T10:20:00Z", **fields)
    store(acme, "b", "2026-03-01T10:30:00Z", user_id="ben", **fields)
    aggregate()
    found = api.get("/api/v1/events/b/explain").json()
    assert (found["event_id"], found["counts"], found["why_not"], found["statement"]) == ("b", True, "", None)
    one = {"is_dirty": False, "count": 1, "costs": {"USD": "0.1"}}
    assert found["sums"] == [
        {"level": "hour", "start": "2026-03-01T10:00:00Z", **one},
        {"level": "day", "start": "2026-03-01T00:00:00Z", **one},
    ]
    assert found["meters"] == [
        {"meter": "tokens", "aggregation": "sum", "value": "1.5"},
        {"meter": "users", "aggregation": "unique", "value": "ben"},
    ]
    assert found["prices"] == [
        {"rule_id": str(rule.pk), "unit": "tokens", "quantity": "1.5", "currency": "USD"}
    ]
    statement = close(acme)
    assert api.get("/api/v1/events/b/explain").json()["statement"]["id"] == str(statement.pk)


def test_why_an_event_does_not_count(api: APIClient, acme: Tenant, rival: Tenant, by: Principal) -> None:
    store(acme, "a/b", "2026-03-01T10:00:00Z")
    event_void(by=by, event_id="a/b", reason="Sent by a test.")
    DeadLetter.objects.create(tenant=acme, entry_id="1", event_id="bad", kind="rejected", reason="No user.")
    store(rival, "foreign", "2026-03-01T10:00:00Z")
    for event_id, why in (("a/b", "voided: Sent by a test."), ("bad", "not in the ledger: No user.")):
        found = api.get(f"/api/v1/events/{event_id}/explain").json()
        assert (found["counts"], why in found["why_not"]) == (False, True)
        assert (found["sums"], found["meters"], found["prices"]) == ([], [], [])
    assert api.get("/api/v1/events/foreign/explain").status_code == 404
