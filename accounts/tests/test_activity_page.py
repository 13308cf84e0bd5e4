"""The activity in the console."""

from typing import Any

import pytest
from django.db import transaction

from accounts.models import Tenant, User
from accounts.principals import SYSTEM
from accounts.services.logs import record
from tests.browser import Page, browser
from tests.builders import make_user

ACTIVITY = "/console/activity"


def happen(tenant: Tenant, *types: str, **payload: Any) -> None:
    with transaction.atomic():
        for type in types:
            record(tenant=tenant, type=type, by=SYSTEM, payload={"id": "1", **payload})


def seqs(response: Any) -> list[int]:
    return [entry.seq for entry in response.context["page"].rows]


def test_entries_come_newest_first_with_who_and_what(acme: Tenant, viewer: User) -> None:
    happen(acme, "tenant.updated", name="<Acme>")
    happen(acme, "api_key.created", slug="billing")
    response = browser(viewer).get(ACTIVITY)
    html = response.content.decode()
    assert seqs(response) == [2, 1]
    for text in ("API key created", "billing", "Tenant updated", "&lt;Acme&gt;", "system"):
        assert text in html
    assert Page(response).blocked == []


def test_older_pages_follow_without_gap_and_are_not_live(acme: Tenant, viewer: User) -> None:
    happen(acme, *["tenant.updated"] * 53)
    client = browser(viewer)
    first = client.get(ACTIVITY)
    second = client.get(f"{ACTIVITY}?{first.context['page'].following}")
    assert seqs(first) + seqs(second) == list(range(53, 0, -1))
    assert second.context["page"].following == ""
    assert 'data-since="53"' in first.content.decode()
    assert "data-live" in first.content.decode()
    assert "data-live" not in second.content.decode()


def test_one_kind_of_thing_can_be_chosen(acme: Tenant, viewer: User) -> None:
    happen(acme, "webhook.created", "tenant.updated", "webhook.paused")
    client = browser(viewer)
    response = client.get(f"{ACTIVITY}?noun=webhook")
    assert seqs(response) == [3, 1]
    assert 'data-live="webhook" hx-get="/console/activity?noun=webhook"' in response.content.decode()
    none = client.get(f"{ACTIVITY}?noun=meter").content.decode()
    assert "Nothing of that kind" in none
    assert '<option value="tenant">Tenant</option>' in none


def test_htmx_gets_the_rows_alone(acme: Tenant, viewer: User) -> None:
    happen(acme, "tenant.updated")
    part = browser(viewer).get(ACTIVITY, headers={"hx-request": "true"}).content.decode()
    assert "Tenant updated" in part
    assert "<html" not in part


@pytest.mark.parametrize("before", ["x", "1.5"])
def test_a_page_that_is_none_is_explained(acme: Tenant, viewer: User, before: str) -> None:
    response = browser(viewer).get(f"{ACTIVITY}?before={before}")
    assert response.status_code == 400
    assert "not a page that this service gave" in response.content.decode()


def test_nobody_sees_what_happened_to_others(acme: Tenant, stranger: User) -> None:
    happen(acme, "tenant.updated", name="Secret")
    guest = make_user("guest", acme, "guest")
    for person in (stranger, guest):
        html = browser(person).get(ACTIVITY).content.decode()
        assert "Secret" not in html
        assert "Nothing happened yet" in html
