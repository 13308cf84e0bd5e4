"""The rollups against their events: every difference is told, and none mended in silence."""

import json
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from threading import Thread
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Tenant
from usage.models import DirtyHour, Rollup, UsageEvent
from usage.queries import verify as module
from usage.queries.cover import dirty_hours
from usage.queries.verify import Verdict, verify
from usage.tests.sums import DAY, HOUR, assert_exact, make, work

Post = Callable[..., Any]
WINDOW = {"start_date": "2026-03-10", "end_date": "2026-03-11"}


@pytest.fixture
def check(client_for: Callable[..., APIClient], key: Callable[..., str]) -> Post:
    client = client_for(key("write"))
    return lambda **body: client.post("/api/v1/usage/verify", {**WINDOW, **body}, format="json")


def test_all_is_well(acme: Tenant, rival: Tenant, check: Post) -> None:
    make(acme, DAY + 1.5 * HOUR, metrics={"n": Decimal("0.10")}, billing_info={"total_cost": "1.50"})
    make(acme, DAY + 25 * HOUR)
    make(rival, DAY)
    work()
    make(acme, DAY + 30 * HOUR)
    body = check().json()
    body.pop("complete_through")
    assert body == {
        "ok": True, "hours": 47, "days": 1, "dirty": 1, "wrong": 0, "differences": [], "pending": 0,
    }  # fmt: skip


def test_each_figure_that_differs_is_told_and_stays(acme: Tenant, check: Post) -> None:
    make(acme, DAY + HOUR, metrics={"n": 2}, billing_info={"total_cost": "1.50"})
    make(acme, DAY + 3 * HOUR, user_id="jonas")
    work()
    Rollup.objects.filter(level="hour", user_id="anna").update(metrics={"n": [1, 3, 2, 2]}, costs={"EUR": 1})
    Rollup.objects.filter(level="day", user_id="jonas").delete()
    Rollup.objects.filter(level="hour_total", start=DAY + HOUR).update(count=4)
    Rollup.objects.filter(level="day_total").update(costs={"USD": 1})
    body = check().json()
    assert (body["ok"], body["wrong"]) == (False, 6)
    found = [
        tuple(d[name] for name in ("level", "field", "stored", "recomputed")) for d in body["differences"]
    ]
    assert found == [
        ("hour", "costs.EUR", "1", None),
        ("hour", "costs.USD", None, "1.5"),
        ("hour", "metrics.n.sum", "3", "2"),
        ("hour_total", "count", "4", "1"),
        ("day", "count", None, "1"),
        ("day_total", "costs.USD", "1", "1.5"),
    ]
    assert body["differences"][0]["start"] == "2026-03-10T01:00:00Z"
    assert body["differences"][0]["dimensions"] == {
        "service_type": "compute", "service_provider": "aws", "event_type": "hours", "user_id": "anna",
        "model": "",
    }  # fmt: skip
    assert not DirtyHour.objects.exists()
    assert check().json()["wrong"] == 6


@pytest.mark.parametrize(
    "body",
    [
        {"end_date": "2026-04-10"},
        {"start_date": "2026-03-12"},
        {"start_date": "soon"},
        {"start_date": None},
    ],
)
def test_windows_are_bounded(acme: Tenant, check: Post, body: dict[str, Any]) -> None:
    assert check(**body).status_code == 400


def run(*arguments: str) -> Any:
    out = StringIO()
    call_command("verify_usage", "acme", "--from", "2026-03-10", "--to", "2026-03-11", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_fails_on_differences_and_repairs_when_told(acme: Tenant) -> None:
    make(acme, DAY + HOUR)
    work()
    assert run().startswith("48 hours and 2 days compared, 0 dirty hours left out, 0 figures differ")
    Rollup.objects.filter(level="hour").update(count=7)
    with pytest.raises(CommandError, match="1 figures differ"):
        run()
    assert not DirtyHour.objects.exists()
    said = json.loads(run("--repair", "--json"))
    assert (said["wrong"], said["marked"]) == (1, 1)
    assert said["differences"][0]["stored"] == "7"
    assert AuditEntry.objects.get(action="rollups.remade").tenant == acme
    work()
    assert_exact(acme)
    assert json.loads(run("--json"))["wrong"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "no tenant"),
        (["acme", "--from", "x"], "no moment"),
        (["acme", "--to", "1980-01-01", "--from", "1981-01-01"], "after"),
    ],
)
def test_what_the_command_refuses(acme: Tenant, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("verify_usage", *arguments)


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_what_is_committed_meanwhile_is_no_difference(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    make(acme, DAY)
    work()

    def committed() -> None:
        with transaction.atomic():
            make(acme, DAY)
        work()
        connection.close()

    def then(**asked: Any) -> Any:
        found = dirty_hours(**asked)
        thread = Thread(target=committed)
        thread.start()
        thread.join(30)
        return found

    monkeypatch.setattr(module, "dirty_hours", then)
    verdict = Verdict()
    assert list(verify(tenant=acme, start=DAY, end=DAY + HOUR, verdict=verdict)) == [DAY]
    assert (verdict.hours, verdict.wrong) == (1, 0)
    assert UsageEvent.objects.count() == 2
