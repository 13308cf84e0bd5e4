"""The rules of recommendations in the console: what each looks for, and thresholds of one's own."""

from decimal import Decimal
from typing import Any, Final

import pytest
from django.test import Client

from accounts.models import AuditEntry, Tenant, User
from inventory.models import RuleSetting
from inventory.rules import RULES
from tests.browser import Page, browser

URL: Final = "/console/recommendations/rules"


@pytest.fixture
def person(owner: User) -> Client:
    return browser(owner)


def shown(response: Any) -> str:
    assert Page(response).blocked == []
    return " ".join(response.text.split())


def own(tenant: Tenant, rule: str) -> tuple[bool, dict[str, Any]]:
    row = RuleSetting.objects.for_tenant(tenant).get(rule=rule)
    return row.is_enabled, row.thresholds


def test_all_rules_are_told_with_their_thresholds(acme: Tenant, viewer: User, person: Client) -> None:
    text = shown(browser(viewer).get(URL))
    assert all(rule.title in text for rule in RULES.values())
    assert "CPU, in %: <strong>5</strong>" in text
    assert "Tags: <strong>env, team</strong>" in text
    assert ("yours" in text, f"{URL}/idle_machine" in text) == (False, False)
    assert f"{URL}/idle_machine" in shown(person.get(URL))


def test_thresholds_are_set_and_given_back(acme: Tenant, person: Client) -> None:
    page = f"{URL}/idle_machine"
    assert "Empty: 14." in shown(person.get(page))
    assert "Give it its defaults back" not in shown(person.get(page))
    text = shown(person.post(page, {"days": "30", "cpu": "2.5", "coverage": "90"}, follow=True))
    assert "Idle machine is saved." in text
    assert 'Days: <strong>30</strong> <span class="tag">yours</span>' in text
    assert own(acme, "idle_machine") == (False, {"days": Decimal(30), "cpu": Decimal("2.5")})
    person.post(page, {"do": "save", "days": "", "cpu": "2.5", "is_enabled": "on"})
    assert own(acme, "idle_machine") == (True, {"cpu": Decimal("2.5")})
    text = shown(person.post(page, {"do": "delete"}, follow=True))
    assert "has its defaults back" in text
    assert own(acme, "idle_machine") == (True, {})
    assert AuditEntry.objects.filter(action="recommendation_rule.set").count() == 3


def test_lists_are_written_with_commas(acme: Tenant, person: Client) -> None:
    page = f"{URL}/untagged"
    person.post(page, {"keys": " owner ,, app ", "is_enabled": "on"})
    assert own(acme, "untagged") == (True, {"keys": ["owner", "app"]})
    assert 'value="owner, app"' in shown(person.get(page))


def test_what_is_wrong_is_told_and_changes_nothing(acme: Tenant, person: Client) -> None:
    answer = person.post(f"{URL}/idle_machine", {"days": "-1", "is_enabled": "on"})
    assert (answer.status_code, "greater than or equal to 0" in answer.text) == (400, True)
    answer = person.post(f"{URL}/untagged", {"keys": ",".join(f"tag{n}" for n in range(21))})
    assert (answer.status_code, "1 to 20 texts" in answer.text) == (400, True)
    assert person.get(f"{URL}/nothing").status_code == 404
    assert not RuleSetting.objects.exists()


def test_only_admins_of_the_tenant_change_them(acme: Tenant, member: User, person: Client) -> None:
    assert browser(member).post(f"{URL}/untagged", {"keys": "owner"}).status_code == 403
    assert not RuleSetting.objects.exists()
