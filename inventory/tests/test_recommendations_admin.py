"""Recommendations in the back office: said by the same verbs; thresholds checked."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from accounts.models import AuditEntry, Tenant, User
from accounts.principals import SYSTEM
from inventory.models import Recommendation, RecommendationRun, RuleSetting
from inventory.services.recommending import recommendations_compute
from inventory.tests.test_recommending import NOW, billed, stock
from tests.browser import browser

URL = "/admin/inventory"


@pytest.fixture(autouse=True)
def found(acme: Tenant) -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        stock(acme, 1, 2)
        billed(acme, 1)
        recommendations_compute(by=SYSTEM, tenant=acme)
        yield


@pytest.mark.parametrize("model", ["recommendation", "recommendationrun", "rulesetting", "realisedsaving"])
def test_pages_open(staff: User, acme: Tenant, model: str) -> None:
    RuleSetting.objects.create(tenant=acme, rule="untagged")
    assert browser(staff).get(f"{URL}/{model}/?q=acme").status_code == 200


def test_what_is_said_there_is_said_by_the_verbs(staff: User) -> None:
    row = Recommendation.objects.earliest("id")
    for action, status in (("mark_done", "done"), ("reopen", "open"), ("dismiss", "dismissed")):
        body = {"action": action, "_selected_action": [str(row.pk)], "confirmed": "yes"}
        browser(staff).post(f"{URL}/recommendation/", body)
        row.refresh_from_db()
        assert (row.status, row.status_by) == (status, f"user:{staff.email}")
    assert AuditEntry.objects.filter(action__startswith="recommendation.").count() == 3
    assert Recommendation.objects.filter(status="open").count() == 3


def test_it_is_computed_again(staff: User) -> None:
    run = RecommendationRun.objects.get()
    body = {"action": "again", "_selected_action": [str(run.pk)], "confirmed": "yes"}
    browser(staff).post(f"{URL}/recommendationrun/", body)
    assert RecommendationRun.objects.count() == 2


def test_thresholds_are_set_and_given_back(staff: User, acme: Tenant) -> None:
    client: Any = browser(staff)
    form = {"tenant": str(acme.pk), "rule": "idle_machine", "is_enabled": "on", "thresholds": '{"cpu": 9}'}
    assert client.post(f"{URL}/rulesetting/add/", form).status_code == 302
    row = RuleSetting.objects.get()
    assert row.thresholds == {"cpu": 9}
    page = f"{URL}/rulesetting/{row.pk}/change/"
    client.post(page, {"thresholds": '{"network": 5}'})
    row.refresh_from_db()
    assert (row.is_enabled, row.thresholds) == (False, {"network": 5})
    client.post(page, {"thresholds": '{"x": 5}'})
    row.refresh_from_db()
    assert row.thresholds == {"network": 5}
    assert AuditEntry.objects.filter(action="recommendation_rule.set").count() == 2
