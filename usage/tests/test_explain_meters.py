"""From a meter's figure to the events that made it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from rest_framework.test import APIClient

from accounts.models import Tenant, User
from usage.models import Meter, Rollup, UsageEvent
from usage.queries import meter_explain as module
from usage.queries import recount
from usage.queries.meter_explain import meter_explain
from usage.queries.meters import Question, meter_query
from usage.rollups import recompute_all
from usage.tests.sums import make

NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
PATHS: Final = (("user_id",), ("metadata", "k"), ("tags",))
DEFINITIONS: Final = [
    *((aggregation, "metrics.n") for aggregation in Meter.Aggregation.values),
    ("count", "1"), ("sum", "1"), ("count", "metadata.k"), ("unique", "metadata.k"),
]  # fmt: skip
DAY: Final = {"from": "2026-03-10", "to": "2026-03-11"}


@pytest.fixture
def api(client_for: Callable[..., APIClient], viewer: User) -> APIClient:
    return client_for(viewer)


@pytest.fixture
def events(acme: Tenant, rival: Tenant) -> list[UsageEvent]:
    """Numbers, texts and nothing of two users, over two days; the last four are in no sums yet."""
    values: list[Any] = [Decimal("0.20"), 10, "text", Decimal("-3.5"), None, 10, 7, Decimal("1e-20"), 2, 4]
    found = []
    for number, value in enumerate(values):
        if number == 6:
            list(recompute_all())
        found.append(
            make(
                acme,
                NOON + number * 3 * HOUR,
                event_id=f"e{number}",
                user_id=("anna", "ben")[number % 2],
                metrics={"n": value},
                metadata={"k": ("x", 1, None)[number % 3]},
                tags=["a", "b"][: number % 3],
            )
        )
    make(acme, NOON, metrics={"n": 1000}, ended_at=NOON)
    make(rival, NOON, metrics={"n": 1000})
    return found


def meter(tenant: Tenant, aggregation: str, value: str = "metrics.n", **fields: Any) -> Meter:
    percentile = Decimal(75) if aggregation == "percentile" else None
    fixed: dict[str, Any] = {"slug": "m", "name": "M", "aggregation": aggregation, "percentile": percentile}
    return Meter(tenant=tenant, value=value, **fixed, **fields)


@pytest.mark.every_case
@pytest.mark.usefixtures("events")
@pytest.mark.parametrize("group_by", [(), PATHS[:1], PATHS])
def test_every_figure_of_a_query_is_explained(acme: Tenant, group_by: Any) -> None:
    for aggregation, value in DEFINITIONS:
        one = meter(acme, aggregation, value, filter='user_id ^= "a" or user_id = "ben"')
        question = Question(NOON - HOUR, NOON + 40 * HOUR, "day", group_by=group_by)
        answer = meter_query(meter=one, question=question)
        assert answer.rows
        for row in answer.rows:
            asked = Question(row.start, row.end, group_by=group_by, filter=question.filter, group=row.group)
            found = meter_explain(meter=one, question=asked, limit=100)
            assert (found.value, found.recounted) == (row.value, row.value), (aggregation, value, row)
            assert found.agrees is True
            assert found.source == ("raw" if None in row.group else answer.source)


@pytest.fixture
def tokens(acme: Tenant) -> Meter:
    one = meter(acme, "sum", unit="tokens")
    one.save()
    return one


def explain(api: APIClient, **query: Any) -> Any:
    return api.get("/api/v1/meters/m/explain", {**DAY, **query})


@pytest.mark.usefixtures("events", "tokens")
def test_a_figure_its_source_and_its_events(api: APIClient) -> None:
    found = explain(api, group='{"user_id": "anna"}').json()
    assert [(event["event_id"], event["value"]) for event in found.pop("events")] == [("e0", "0.2")]
    assert found.pop("complete_through") is not None
    assert found == {
        "meter": "m", "aggregation": "sum", "unit": "tokens", "timezone": "UTC",
        "from": "2026-03-10T00:00:00Z", "to": "2026-03-11T00:00:00Z", "group": {"user_id": "anna"},
        "value": "0.2", "source": "rollup", "recounted": "0.2", "agrees": True, "not_recounted": "",
        "next_cursor": None, "pending": 0,
    }  # fmt: skip
    raw = explain(api, filter="metrics.n < 5").json()
    assert (raw["value"], raw["source"], raw["group"]) == ("-3.3", "raw", {})
    assert [event["event_id"] for event in raw["events"]] == ["e3", "e0"]


@pytest.mark.usefixtures("events", "tokens")
@pytest.mark.parametrize(
    ("group", "ids"),
    [
        ({"metadata.k": "x"}, ["e3", "e0"]),
        ({"metadata.k": "1"}, ["e1"]),
        ({"metadata.k": None}, []),
        ({"tags": '["a", "b"]'}, []),
        ({"tags": "[]", "user_id": "ben"}, ["e3"]),
        ({"user_id": "nobody"}, []),
        ({"user_id": None}, []),
    ],
)
def test_a_group_is_named_as_the_query_does(api: APIClient, group: dict[str, Any], ids: list[str]) -> None:
    found = explain(api, group=json.dumps(group)).json()
    assert ([event["event_id"] for event in found["events"]], found["agrees"]) == (ids, True)
    assert found["group"] == group
    rows = api.get("/api/v1/meters/m/query", {**DAY, "group_by": ",".join(group)}).json()["rows"]
    assert [row["value"] for row in rows if row["group"] == group] == ([found["value"]] if ids else [])


@pytest.mark.usefixtures("events")
def test_a_value_that_stands_from_before_is_listed(api: APIClient, acme: Tenant) -> None:
    meter(acme, "time_weighted").save()
    window = {"from": "2026-03-10T20:00:00Z", "to": "2026-03-10T22:00:00Z"}
    found = explain(api, **window).json()
    values = [(event["event_id"], event["value"]) for event in found["events"]]
    assert values == [("e3", "-3.5"), ("e1", "10")]
    assert (found["value"], found["recounted"], found["agrees"]) == ("3.25", "3.25", True)
    make(acme, NOON + 3 * HOUR, event_id="at-once", metrics={"n": 20})
    found = explain(api, **window).json()
    assert [event["event_id"] for event in found["events"]] == ["e3", "at-once"]
    assert (found["value"], found["agrees"]) == ("8.25", True)
    nothing = explain(api, **{"from": "2026-03-10T10:00:00Z", "to": "2026-03-10T11:00:00Z"}).json()
    assert (nothing["value"], nothing["events"], nothing["agrees"]) == (None, [], True)


@pytest.mark.usefixtures("events", "tokens")
def test_pages_of_its_events(api: APIClient) -> None:
    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = explain(api, limit=1, to="2026-03-12", **({"cursor": cursor} if cursor else {})).json()
        ids += [event["event_id"] for event in page["events"]]
        assert (page["value"], page["agrees"]) == ("29.70000000000000000001", True)
        cursor = page["next_cursor"]
    assert ids == ["e9", "e8", "e7", "e6", "e5", "e3", "e1", "e0"]


@pytest.mark.usefixtures("events", "tokens")
def test_a_figure_that_does_not_hold_shows(api: APIClient) -> None:
    Rollup.objects.filter(level="hour_total", start=NOON + 3 * HOUR).update(metrics={"n": [1, 5, 5, 5]})
    found = explain(api).json()
    assert (found["value"], found["recounted"], found["agrees"]) == ("1.7", "6.7", False)


@pytest.mark.usefixtures("events", "tokens")
def test_too_many_events_are_not_counted_again(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RECOUNTED", 2)
    found = explain(api).json()
    assert (found["value"], found["recounted"], found["agrees"]) == ("6.7", None, None)
    assert (found["not_recounted"], len(found["events"])) == (recount.TOO_MANY, 3)


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"to": "2026-03-09"}, "to"),
        ({"group": "anna"}, "group"),
        ({"group": '["user_id"]'}, "group"),
        ({"group": '{"user_id": 1}'}, "group"),
        ({"group": '{"price": "1"}'}, "group"),
        ({"group": '{"user_id": "\\u0000"}'}, "group"),
        ({"group": '{"user_id": "", "model": "", "tags": "", "event_id": ""}'}, "group"),
        ({"filter": "x"}, "filter"),
        ({"cursor": "x"}, "cursor"),
        ({"limit": "1001"}, "limit"),
    ],
)
def test_a_question_that_makes_no_sense(api: APIClient, query: dict[str, str], field: str) -> None:
    answer = explain(api, **query)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])


@pytest.mark.usefixtures("events")
def test_a_stranger_and_a_meter_that_is_off(
    api: APIClient, tokens: Meter, client_for: Callable[..., APIClient], stranger: User
) -> None:
    assert explain(client_for(stranger)).status_code == 404
    Meter.objects.filter(pk=tokens.pk).update(is_active=False)
    assert explain(api).status_code == 409


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize("aggregation", ["sum", "percentile", "time_weighted"])
def test_it_takes_few_queries(
    api: APIClient, acme: Tenant, aggregation: str, django_assert_max_num_queries: Any
) -> None:
    meter(acme, aggregation).save()
    with django_assert_max_num_queries(10) as few:
        explain(api, to="2026-03-12")
    for number in range(5):
        make(acme, NOON + number * HOUR, metrics={"n": number})
    with django_assert_max_num_queries(len(few)):
        explain(api, to="2026-03-12")
