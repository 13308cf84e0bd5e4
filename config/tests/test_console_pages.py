"""Every console page: who may open it, what it must have, and whose data it shows."""

from typing import Any

import pytest
from django.urls import get_resolver
from django.utils import timezone

from accounts.models import Membership, Tenant, User
from tests.browser import Page, browser
from tests.builders import make_key, make_tenant, make_user
from tests.console_pages import PAGES, name_of
from usage.models import UsageEvent

FORMS_ONLY = {
    "sign-out",
    "key-revoke",
    "key-rotate",
    "event-void",
    "event-amend",
    "letter-dismiss",
    "invite",
    "invitation-withdraw",
    "profile-mail",
    "gcore-report-remove",
    "delivery-retry",
    "build-cancel",
    "build-resume",
    "views",
}  # answer to POST alone
OTHER = {
    "sign-in",
    "webhook",
    "usage-file",
    "meter",
    "meter-new",
    "price",
    "price-new",
    "alert",
    "alert-new",
    "second-factor",
    "forgotten-password",
    "new-password",
    "event",
    "letter",
    "statement",
    "build",
    "invitation",
    "unsubscribe",
    "gcore-report",
    "gcore-report-file",
    "resource",
    "recommendation",
    "recommendation-rule",
    "automation-new",
    "automation-rule",
    "automation-edit",
    "automation-run",
    "folder",
    "product",
    "product-by-hand",
    "product-new",
    "budget",
    "budget-new",
    "import",
    "not-found",
}


def people(request: pytest.FixtureRequest, *names: str) -> list[User]:
    return [request.getfixturevalue(name) for name in names]


def test_every_page_is_listed_here() -> None:
    names = {
        name for name in get_resolver().namespace_dict["console"][1].reverse_dict if isinstance(name, str)
    }
    listed = {name_of(path) for path in PAGES}
    assert names == listed | FORMS_ONLY | OTHER


@pytest.mark.parametrize("path", PAGES)
def test_pages_open_for_every_role_with_one_heading_and_nothing_inline(
    request: pytest.FixtureRequest, acme: Tenant, path: str
) -> None:
    make_key(acme, "read")
    UsageEvent.objects.create(tenant=acme, event_id="e", timestamp=timezone.now(), service_type="compute")
    others = () if path in {"/keys", "/members", "/webhooks"} else ("member", "viewer")
    for user in people(request, "owner", "admin_user", *others):
        response = browser(user).get(f"/console{path}")
        page = Page(response)
        assert response.status_code == 200
        assert (page.elements["h1"], page.elements["main"], page.blocked) == (1, 1, [])
        assert page.title.endswith(" · Skyledger")
        assert response.headers["Cache-Control"] == "no-store, private"
        assert "script-src" not in response.headers["Content-Security-Policy"]
        assert "default-src 'self';" in response.headers["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", *PAGES[1:], "/nothing"])
def test_anonymous_people_are_sent_to_the_form_and_back(path: str) -> None:
    response = browser().get(f"/console{path}")
    assert response.status_code == 302
    assert response.headers["Location"] == f"/console/sign-in?next=/console{path}"
    hurried = browser().get(f"/console{path}", headers={"hx-request": "true"})
    assert hurried.headers["HX-Redirect"] == f"/console/sign-in?next=/console{path}"


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_sees_nothing_of_the_tenant(acme: Tenant, owner: User, stranger: User, path: str) -> None:
    make_key(acme, "read", name="Secret project")
    UsageEvent.objects.create(tenant=acme, event_id="evt-secret", timestamp="2026-01-01T00:00Z", user_id="u")
    shown = browser(stranger).get(f"/console{path}").content.decode()
    for secret in ("Acme", "Secret project", "evt-secret", owner.email):
        assert secret not in shown


def test_a_tenant_of_others_cannot_be_chosen(acme: Tenant, stranger: User, rival: Tenant) -> None:
    client = browser(stranger)
    response = client.post("/console/tenants", {"tenant": "acme"})
    assert response.status_code == 403
    assert "tenant" not in client.session
    assert "Rival" in client.get("/console/").content.decode()


def test_a_person_in_two_tenants_starts_in_the_first_and_may_change(
    acme: Tenant, rival: Tenant, owner: User
) -> None:
    Membership.objects.create(tenant=rival, user=owner, role="viewer")
    client = browser(owner)
    assert "<h1>Acme</h1>" in client.get("/console/").content.decode()
    for slug, name in (("rival", "Rival"), ("acme", "Acme"), ("rival", "Rival")):
        assert client.post("/console/tenants", {"tenant": slug}).headers["Location"] == "/console"
        assert f"<h1>{name}</h1>" in client.get("/console/").content.decode()
    assert client.post("/console/keys", {"name": "x", "scope": "read"}).status_code == 403  # a viewer there


def test_the_choice_ends_with_the_membership(acme: Tenant, owner: User) -> None:
    client = browser(owner)
    client.post("/console/tenants", {"tenant": "acme"})
    Membership.objects.filter(user=owner).delete()
    assert client.get("/console/").headers["Location"] == "/console/tenants"
    assert "do not belong to a tenant yet" in client.get("/console/tenants").content.decode()


def test_staff_choose_any_tenant(acme: Tenant, rival: Tenant, staff: User) -> None:
    client = browser(staff)
    found = client.get("/console/tenants?q=riv").content.decode()
    assert "Rival" in found
    assert "Acme" not in found
    assert client.post("/console/tenants", {"tenant": "rival"}).status_code == 302
    assert client.post("/console/tenants", {"tenant": "nowhere"}).status_code == 404
    assert "<h1>Rival</h1>" in client.get("/console/").content.decode()


def test_an_unknown_page_is_a_page(owner: User) -> None:
    response = browser(owner).get("/console/nothing/here")
    assert response.status_code == 404
    assert Page(response).elements["h1"] == 1


def test_times_are_in_the_viewers_zone(acme: Tenant, owner: User) -> None:
    client = browser(owner)
    event = UsageEvent.objects.create(
        tenant=acme, event_id="e", timestamp="2026-07-01T22:30:00Z", user_id="u", service_type="s"
    )
    assert "1 Jul 2026, 22:30:00" in client.get(f"/console/events/{event.pk}").content.decode()
    saved = client.post("/console/profile", {"first_name": "Olga", "timezone": "Asia/Tokyo"})
    assert saved.headers["Location"] == "/console/profile"
    assert "2 Jul 2026, 07:30:00" in client.get(f"/console/events/{event.pk}").content.decode()
    owner.refresh_from_db()
    assert (owner.first_name, owner.timezone, owner.email) == ("Olga", "Asia/Tokyo", "owner@example.com")


def test_a_profile_takes_only_its_own_fields(owner: User) -> None:
    form = {"timezone": "UTC", "is_staff": "on", "email": "new@example.com", "password": "x"}
    browser(owner).post("/console/profile", form)
    before, owner_now = owner.password, User.objects.get(pk=owner.pk)
    assert (owner_now.is_staff, owner_now.email, owner_now.password) == (False, "owner@example.com", before)
    response = browser(owner).post("/console/profile", {"timezone": "Mars/Base"})
    assert response.status_code == 200
    assert "Select a valid choice" in response.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_queries_do_not_grow_with_rows(
    acme: Tenant, owner: User, path: str, django_assert_max_num_queries: Any
) -> None:
    def fill(start: int) -> None:
        for n in range(start, start + 5):
            make_key(acme, "read", user=make_user(f"person{n}", acme))
            make_tenant(f"t-{n}")
            UsageEvent.objects.create(
                tenant=acme, event_id=f"e{n}", timestamp="2026-01-01T00:00Z", service_type=f"s{n}"
            )

    client = browser(owner)
    fill(0)
    with django_assert_max_num_queries(14 if path else 26) as few:
        client.get(f"/console{path}")
    fill(5)
    with django_assert_max_num_queries(len(few)):
        client.get(f"/console{path}")
