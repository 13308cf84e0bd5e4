"""The scheduled aggregation, its command, and what they tell the operator."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from accounts.models import Tenant, User
from tests.browser import browser
from usage import tasks
from usage.models import DirtyHour, Rollup
from usage.queries.backlog import oldest_mark_seconds
from usage.rollups import PAUSE
from usage.tasks import aggregate
from usage.tests.sums import DAY, HOUR, assert_exact, make


def aggregate_later() -> None:
    """When events have paused."""
    with time_machine.travel(datetime.now(UTC) + PAUSE):
        aggregate()


def test_the_schedule_names_the_task() -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["usage-aggregate"]
    assert (entry["task"], entry["schedule"]) == (aggregate.name, 60.0)


def test_the_running_hour_waits_until_it_is_over(acme: Tenant) -> None:
    make(acme, DAY + HOUR)
    make(acme, DAY + 2.5 * HOUR)
    with time_machine.travel(DAY + 2.9 * HOUR):
        aggregate()
    assert list(DirtyHour.objects.values_list("hour", flat=True)) == [DAY + 2 * HOUR]
    with time_machine.travel(DAY + 3 * HOUR):
        aggregate()
    assert_exact(acme)


def test_a_run_that_takes_long_leaves_the_rest_to_the_next(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (3, 1, 2):
        make(acme, DAY + day * 24 * HOUR)
    monkeypatch.setattr(tasks, "BUDGET_SECONDS", 0.0)
    aggregate_later()
    days = Rollup.objects.filter(level="day").values_list("start", flat=True)
    assert list(days) == [DAY + 3 * 24 * HOUR]  # the one that was marked first
    aggregate_later()
    aggregate_later()
    assert_exact(acme)


def test_the_command_does_all_and_says_so(acme: Tenant, rival: Tenant) -> None:
    make(acme, datetime.now(UTC))
    make(acme, DAY)
    make(rival, DAY)
    make(rival, DAY + HOUR)
    out = StringIO()
    call_command("rollup_usage", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert (said["days"], said["hours"]) == (3, 4)
    assert said["seconds"] > 0
    assert_exact(acme)
    assert_exact(rival)
    out = StringIO()
    call_command("rollup_usage", stdout=out)
    assert out.getvalue().startswith("0 hours of 0 days")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_the_command_draws_a_bar_for_a_terminal(acme: Tenant) -> None:
    make(acme, DAY)
    make(acme, DAY + 24 * HOUR)
    watched = Terminal()
    call_command("rollup_usage", stdout=StringIO(), stderr=watched)
    assert f"\rDays [{'#' * 15}{' ' * 15}] 1/2" in watched.getvalue()
    assert f"\rDays [{'#' * 30}] 2/2" in watched.getvalue()


def test_how_long_the_oldest_mark_has_waited(acme: Tenant) -> None:
    assert oldest_mark_seconds() == 0
    make(acme, DAY)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=90)):
        make(acme, DAY)
        assert 89 < oldest_mark_seconds() < 120


def test_a_mark_of_the_running_hour_has_not_waited(acme: Tenant) -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)  # later than the marks are made
    make(acme, start)
    with time_machine.travel(start + 0.9 * HOUR):
        assert oldest_mark_seconds() == 0
    with time_machine.travel(start + HOUR + timedelta(seconds=90), tick=False):
        assert oldest_mark_seconds() == 90


def gauge(name: str) -> float:
    lines = Client().get("/metrics").content.decode().splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_the_metrics_say_how_far_behind_the_sums_are(acme: Tenant) -> None:
    for hour in (0, 0, 1):
        make(acme, DAY + hour * HOUR)
    assert gauge("usage_dirty_hours") == 2
    assert 0 < gauge("usage_oldest_mark_seconds") < 60
    assert abs(gauge("usage_complete_through_seconds") - datetime.now(UTC).timestamp()) < 60
    before = gauge("usage_aggregation_seconds_count"), gauge("usage_hours_recomputed_total")
    aggregate_later()
    assert gauge("usage_dirty_hours") == gauge("usage_oldest_mark_seconds") == 0
    assert gauge("usage_aggregation_seconds_count") == before[0] + 1
    assert gauge("usage_hours_recomputed_total") == before[1] + 2


def test_the_back_office_shows_the_state(acme: Tenant, staff: User) -> None:
    client: Any = browser(staff)
    make(acme, DAY, metadata={"model": "gpt-x"})
    page = client.get("/admin/usage/dirtyhour/").content.decode()
    assert "1 dirty hours; the oldest mark has waited " in page
    aggregate_later()
    assert "gpt-x" in client.get("/admin/usage/rollup/").content.decode()
    row = Rollup.objects.filter(level="day").get()
    assert client.get(f"/admin/usage/rollup/{row.pk}/change/").status_code == 200
    assert client.post(f"/admin/usage/rollup/{row.pk}/change/", {"count": 9}).status_code == 403
