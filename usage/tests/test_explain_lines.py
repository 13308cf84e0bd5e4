"""From a line of a statement to its events, and from an event to the lines that it is in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from rest_framework.test import APIClient

from accounts.models import Tenant, User
from accounts.principals import SYSTEM, Principal
from usage.rollups import recompute_all
from usage.services.corrections import event_amend, event_void
from usage.services.statements import statement_adjust
from usage.tests.bills import close, make_rule, make_usage

STATEMENTS: Final = "/api/v1/statements"
IDES: Final = datetime(2026, 3, 15, tzinfo=UTC)
LATER: Final = IDES + timedelta(days=3)
MODEL: Final = {"metadata": {"model": "mini"}}


@pytest.fixture
def api(client_for: Callable[..., APIClient], viewer: User) -> APIClient:
    return client_for(viewer)


@pytest.fixture
def by(acme: Tenant) -> Principal:
    return Principal(kind="user", actor="user:x", tenant=acme)


@pytest.fixture
def month(acme: Tenant, rival: Tenant) -> Tenant:
    """Prices that take each other's events away: by model for ten days, by event type, and by unit."""
    make_rule(acme)
    make_rule(acme, event_type="batch", tiers=[{"rate": "0.1"}])
    ten_days = {"valid_from": IDES, "valid_until": IDES + timedelta(days=10)}
    make_rule(acme, model_or_tier="mini", tiers=[{"rate": "1"}], **ten_days)
    make_rule(acme, unit="images", tiers=[{"rate": "3"}])
    sent = {"billing_info": {"total_cost": "0.50"}}
    make_usage(acme, "plain", Decimal("1.5"), **sent)
    make_usage(acme, "no-tokens", **sent)
    make_usage(acme, "batch", 8, event_type="batch")
    make_usage(acme, "images", metrics={"images": 2, "tokens": 4})
    make_usage(acme, "mini-early", 16, **MODEL)
    make_usage(acme, "mini-late", 32, timestamp=LATER, **MODEL)
    make_usage(acme, "mini-last", 4, timestamp=IDES + timedelta(days=10), **MODEL)
    make_usage(acme, "mini-batch", 64, timestamp=LATER, event_type="batch", **MODEL)
    make_usage(acme, "other-type", event_type="ping", billing_info={"total_cost": 1, "currency": "EUR"})
    make_usage(acme, "elsewhere", 1, service_type="compute", metadata={}, **sent)
    make_usage(acme, "april", 128, timestamp=datetime(2026, 4, 1, tzinfo=UTC))
    make_rule(rival)
    make_usage(rival, "foreign", 256)
    list(recompute_all())
    return acme


def listed(api: APIClient, path: str) -> tuple[list[str], Decimal, dict[str, Decimal]]:
    """The ids behind a link, how much they are of its unit, and what was billed for them."""
    answer = api.get(path)
    assert answer.status_code == 200, answer.json()
    found = answer.json()
    assert found["agrees"] is True
    ids = sorted(event["event_id"] for event in found["events"])
    figure = found["figure"]
    quantity = Decimal(figure["count"])
    if "metric=" in path:
        quantity = sum((Decimal(one["sum"]) for one in figure["metrics"].values()), Decimal(0))
    return ids, quantity, {name: Decimal(cost) for name, cost in figure["costs"].items()}


def behind(api: APIClient, lines: list[dict[str, Any]]) -> list[tuple[str, str, str, list[str]]]:
    """(service, model, unit, ids) of each line, whose quantity and senders' costs are those of the events."""
    told = []
    for line in lines:
        ids, quantity, costs = listed(api, line["explain"])
        assert quantity == Decimal(line["quantity"])
        assert costs == {name: Decimal(cost) for name, cost in line["billed_by_sender"].items()}
        told.append((line["service_type"], line["model"], line["unit"], ids))
    return told


LINES: Final = [
    ("compute", "", "events", ["elsewhere"]),
    ("llm_service", "gpt-4", "events", ["other-type"]),
    ("llm_service", "gpt-4", "images", ["images", "no-tokens", "plain"]),
    ("llm_service", "gpt-4", "tokens", ["batch"]),
    ("llm_service", "gpt-4", "tokens", ["images", "no-tokens", "plain"]),
    ("llm_service", "mini", "tokens", ["mini-batch", "mini-late"]),
    ("llm_service", "mini", "tokens", ["mini-early", "mini-last"]),
]


def test_each_line_of_a_preview_lists_its_events(api: APIClient, month: Tenant) -> None:
    lines = api.get(f"{STATEMENTS}/preview", {"month": "2026-03"}).json()["lines"]
    assert sorted(behind(api, lines)) == LINES


def test_a_closed_line_lists_what_it_was_made_of(api: APIClient, month: Tenant, by: Principal) -> None:
    path = f"{STATEMENTS}/{close(month).pk}"
    event_void(by=by, event_id="plain", reason="A test.")
    make_usage(month, "late", 512, received_at=datetime.now(UTC))
    assert sorted(behind(api, api.get(path).json()["lines"])) == LINES
    preview = api.get(f"{STATEMENTS}/preview", {"month": "2026-03"}).json()
    now = [ids for *_, ids in behind(api, preview["lines"])]
    assert ["images", "late", "no-tokens"] in now


def test_an_adjustments_line_lies_between_two_lists(api: APIClient, month: Tenant, by: Principal) -> None:
    statement = close(month)
    event_void(by=by, event_id="plain", reason="A test.")
    make_usage(month, "other-tokens", 7, event_type="ping", received_at=datetime.now(UTC))
    statement_adjust(by=SYSTEM, statement=statement)
    amend(by, 9)
    statement_adjust(by=SYSTEM, statement=statement)
    told = []
    for document in api.get(f"{STATEMENTS}/{statement.pk}/adjustments").json():
        for line in document["lines"]:
            ids, quantity, costs = listed(api, line["explain"])
            ids_was, quantity_was, costs_was = listed(api, line["explain_was"])
            assert quantity - quantity_was == Decimal(line["quantity"])
            for name in costs.keys() | costs_was.keys():
                between = costs.get(name, 0) - costs_was.get(name, 0)
                assert between == Decimal(line["billed_by_sender"].get(name, 0))
            told.append((document["number"], line["unit"], ids_was, ids))
    assert sorted(told) == [
        (1, "events", ["other-type"], []),
        (1, "images", ["images", "no-tokens", "plain"], ["images", "no-tokens"]),
        (
            1, "tokens", ["images", "no-tokens", "plain"],
            ["images", "no-tokens", "other-tokens", "other-type"],
        ),
        (2, "tokens", ["batch"], ["batch"]),
    ]  # fmt: skip


def test_a_link_names_a_month_and_its_prices(api: APIClient, month: Tenant) -> None:
    line = api.get(f"{STATEMENTS}/preview", {"month": "2026-03"}).json()["lines"][1]
    for path in (
        line["explain"].replace("end_date=2026-04-01", "end_date=2026-04-02"),
        line["explain"].replace("model=gpt-4", ""),
        line["explain"].replace("rule_id=", "rule_id=none"),
    ):
        assert api.get(path).status_code == 400


def test_a_stranger_lists_nothing(
    api: APIClient, month: Tenant, client_for: Callable[..., APIClient], stranger: User
) -> None:
    for line in api.get(f"{STATEMENTS}/preview", {"month": "2026-03"}).json()["lines"]:
        assert client_for(stranger).get(line["explain"]).status_code == 403


@pytest.mark.parametrize("kinds", [0, 5])
def test_it_takes_few_queries(
    api: APIClient, month: Tenant, kinds: int, django_assert_max_num_queries: Any
) -> None:
    line = api.get(f"{STATEMENTS}/preview", {"month": "2026-03"}).json()["lines"][-1]
    for number in range(kinds):
        make_usage(month, f"more-{number}", 1, event_type=f"type-{number}", timestamp=LATER, **MODEL)
    with django_assert_max_num_queries(16):
        api.get(line["explain"])


def amend(by: Principal, tokens: int) -> None:
    metrics = {"tokens": tokens, "input_tokens": 1, "output_tokens": 1}
    event_amend(by=by, event_id="batch", reason="A test.", changes={"metrics": metrics})


def lines_of(api: APIClient, event_id: str) -> list[tuple[Any, ...]]:
    answer = api.get(f"/api/v1/events/{event_id}/explain")
    assert answer.status_code == 200, answer.json()
    return [
        (one["adjustment"], one["unit"], one["quantity"], one["amount"], one["currency"], one["revision"])
        for one in answer.json()["lines"]
    ]


def test_an_event_names_its_lines(api: APIClient, month: Tenant) -> None:
    assert lines_of(api, "images") == []
    statement = close(month)
    assert lines_of(api, "images") == [
        (None, "images", "2", "6.00", "USD", 0),
        (None, "tokens", "4", "1.38", "USD", 0),
    ]
    assert lines_of(api, "no-tokens") == [
        (None, "images", None, "6.00", "USD", 0),
        (None, "tokens", None, "1.38", "USD", 0),
    ]
    assert lines_of(api, "other-type") == [(None, "events", "1", "1.00", "EUR", 0)]
    assert lines_of(api, "mini-early") == [(None, "tokens", "16", "5.00", "USD", 0)]
    assert lines_of(api, "april") == []
    (told,) = api.get("/api/v1/events/mini-late/explain").json()["lines"]
    line = api.get(f"{STATEMENTS}/{statement.pk}").json()["lines"][told["position"] - 1]
    assert (told["statement_id"], told["statement"]) == (str(statement.pk), 1)
    assert [told[name] for name in ("rule_id", "unit", "amount")] == [
        line[name] for name in ("rule_id", "unit", "amount")
    ]
    assert "mini-late" in listed(api, line["explain"])[0]


def test_an_event_names_what_was_adjusted_for_it(api: APIClient, month: Tenant, by: Principal) -> None:
    statement = close(month)
    amend(by, 28)
    make_usage(month, "late", 4, received_at=datetime.now(UTC))
    statement_adjust(by=SYSTEM, statement=statement)
    event_void(by=by, event_id="batch", reason="A test.")
    voided = [
        (None, "tokens", "8", "0.80", "USD", 0),
        (1, "tokens", "-8", "2.00", "USD", 0),
        (1, "tokens", "28", "2.00", "USD", 1),
    ]
    assert lines_of(api, "batch") == voided
    statement_adjust(by=SYSTEM, statement=statement)
    assert lines_of(api, "batch") == [*voided, (2, "tokens", "-28", "-2.80", "USD", 1)]
    assert (
        lines_of(api, "late")
        == [
            (1, "images", None, "0.00", "USD", 0),
            (1, "tokens", "4", "1.00", "USD", 0),
        ][1:]
    )
    assert api.get("/api/v1/events/batch/explain").json()["counts"] is False


def test_an_event_that_others_gave_a_price_names_both_lines(api: APIClient, month: Tenant) -> None:
    statement = close(month)
    make_usage(month, "other-tokens", 7, event_type="ping", received_at=datetime.now(UTC))
    statement_adjust(by=SYSTEM, statement=statement)
    assert lines_of(api, "other-type") == [
        (None, "events", "1", "1.00", "EUR", 0),
        (1, "events", "-1", "-1.00", "EUR", 0),
        (1, "tokens", None, "1.75", "USD", 0),
    ]


def test_an_event_takes_few_queries(
    api: APIClient, month: Tenant, by: Principal, django_assert_max_num_queries: Any
) -> None:
    statement = close(month)
    with django_assert_max_num_queries(24) as few:
        api.get("/api/v1/events/batch/explain")
    for number in range(3):
        amend(by, number)
        statement_adjust(by=SYSTEM, statement=statement)
    with django_assert_max_num_queries(len(few) + 1):  # the lines of the adjustments
        api.get("/api/v1/events/batch/explain")


def test_a_moment_between_two_zones_months_is_billed_in_the_later(api: APIClient, acme: Tenant) -> None:
    """March was closed in Tokyo, where it ends before New York's."""
    make_rule(acme)
    Tenant.objects.filter(pk=acme.pk).update(timezone="Asia/Tokyo")
    acme.refresh_from_db()
    close(acme)
    Tenant.objects.filter(pk=acme.pk).update(timezone="America/New_York")
    make_usage(acme, "between", 3, timestamp=datetime(2026, 3, 31, 20, tzinfo=UTC))
    (line,) = api.get(f"{STATEMENTS}/preview", {"month": "2026-04"}).json()["lines"]
    assert behind(api, [line]) == [("llm_service", "gpt-4", "tokens", ["between"])]
    found = api.get("/api/v1/events/between/explain").json()
    assert (found["statement"], found["lines"], len(found["prices"])) == (None, [], 1)
