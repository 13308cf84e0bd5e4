"""The explorer of resources in the console, and the page of one."""

from typing import Any, Final

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Tenant, User
from inventory.models import Resource, SavedView
from inventory.tests.bills import bill, load
from inventory.tests.rows import resource
from tests.browser import Page, browser
from tests.builders import make_user

URL: Final = "/console/resources"


@pytest.fixture
def person(owner: User) -> Client:
    return browser(owner)


def told(api: Any, *rows: dict[str, Any]) -> None:
    assert api.post("/api/v1/resources/bulk", {"items": list(rows)}, format="json").status_code == 200


def shown(response: Any) -> str:
    assert Page(response).blocked == []
    return " ".join(response.content.decode().split())


def test_an_empty_explorer_says_what_to_do_next(person: Client, viewer: User) -> None:
    assert "Send a list of them as a file" in shown(person.get(URL))
    assert 'href="/console/imports"' in shown(person.get(URL)).partition("<main")[2]
    assert 'href="/console/imports"' not in shown(browser(viewer).get(URL)).partition("<main")[2]


def test_a_filter_shows_what_matches(api: Any, acme: Tenant, person: Client) -> None:
    told(api, resource(1), resource(2, state="stopped", name="Old one", tags={}))
    seen = shown(person.get(URL, {"filter": "state = stopped"}))
    assert "Old one" in seen
    assert "i-1" not in seen
    assert "1 resource matches" in seen
    assert "/api/v1/resources/export?tenant_id=acme&amp;filter=state+%3D+stopped&amp;format=csv" in seen
    assert "No resource matches" in shown(person.get(URL, {"filter": "state = gone"}))
    assert "2 resources match;" in shown(person.get(URL))


def test_a_filter_that_goes_wrong_is_pointed_at(person: Client) -> None:
    answer = person.get(URL, {"filter": "provider == aws"})
    assert answer.status_code == 400
    assert "provider == aws\n          ↑</pre>" in answer.content.decode()
    assert "expected a text or a number" in shown(answer)
    unknown = person.get(URL, {"filter": "state = a and colour = red"})
    assert unknown.context["pointer"] == " " * 14 + "↑"


def test_views_are_saved_opened_changed_and_deleted(
    api: Any, person: Client, member: User, viewer: User
) -> None:
    told(api, resource(1), resource(2, state="stopped"))
    given = {"kind": "resources", "filter": "state = stopped", "name": "Stopped", "do": "create"}
    saved = person.post("/console/views", given, follow=True)
    view = SavedView.objects.get()
    assert (view.name, view.filter, view.kind) == ("Stopped", "state = stopped", "resources")
    assert saved.redirect_chain == [(f"{URL}?view={view.pk}", 302)]
    assert "1 resource matches" in shown(saved)
    assert "1 resource matches" in shown(browser(viewer).get(URL, {"view": "Stopped"}))
    taken = person.post("/console/views", given)
    assert (taken.status_code, SavedView.objects.count()) == (409, 1)
    change = {"kind": "resources", "view": str(view.pk), "filter": "state = running", "do": "update"}
    assert "1 resource matches" in shown(browser(member).post("/console/views", change, follow=True))
    view.refresh_from_db()
    assert (view.name, view.filter) == ("Stopped", "state = running")
    person.post("/console/views", {**change, "do": "delete"})
    assert not SavedView.objects.exists()


def test_a_filter_goes_before_that_of_the_view(api: Any, acme: Tenant, person: Client) -> None:
    told(api, resource(1), resource(2, state="stopped"))
    view = SavedView.objects.create(tenant=acme, kind="resources", name="a", filter="state = stopped")
    assert "2 resources match;" in shown(person.get(URL, {"view": str(view.pk), "filter": ""}))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"kind": "resources", "do": "create", "name": " "}, 400),
        ({"kind": "machines", "do": "create", "name": "a"}, 400),
        ({"kind": "resources", "do": "create", "name": "a", "filter": "state =="}, 400),
        ({"kind": "resources", "do": "delete", "view": "nothing"}, 404),
    ],
)
def test_a_view_that_means_nothing_is_refused(person: Client, given: dict[str, str], code: int) -> None:
    assert person.post("/console/views", given).status_code == code
    assert not SavedView.objects.exists()


def test_views_are_the_tenants_own(acme: Tenant, viewer: User, stranger: User) -> None:
    view = SavedView.objects.create(tenant=acme, kind="resources", name="Secret view", filter="")
    gone = {"kind": "resources", "view": str(view.pk), "do": "delete"}
    assert browser(viewer).post("/console/views", gone).status_code == 403
    assert browser(stranger).post("/console/views", gone).status_code == 404
    assert browser(stranger).get(URL, {"view": str(view.pk)}).status_code == 400
    assert "Secret view" not in shown(browser(stranger).get(URL))
    assert SavedView.objects.exists()


def test_one_resource_shows_facts_tags_history_and_costs(api: Any, acme: Tenant, person: Client) -> None:
    told(api, resource(1, name="web"))
    told(api, resource(1, name="web", state="stopped"))
    today = timezone.now().date()
    load(acme, [bill(today, "4.5", resource_id="i-1"), bill(today, "100", resource_id="i-2")])
    seen = shown(person.get(f"{URL}/{Resource.objects.get().pk}"))
    assert "<strong>State</strong> running → stopped" in seen
    assert "Heard of for the first time" in seen
    assert "<dt>team</dt><dd>core</dd>" in seen
    assert "72.00 USD" in seen
    assert f"<td>{'4.50'}</td>" in seen
    assert "100.00" not in seen
    assert "/console/costs?filter=resource_id%20%3D%20%22i-1%22" in seen


def test_a_resource_that_nobody_billed_says_so(api: Any, acme: Tenant, person: Client) -> None:
    told(api, resource(1))
    assert "No bill of the last 90 days" in shown(person.get(f"{URL}/{Resource.objects.get().pk}"))


def test_strangers_and_guests_find_no_resource(api: Any, acme: Tenant, stranger: User) -> None:
    told(api, resource(1))
    one = f"{URL}/{Resource.objects.get().pk}"
    guest = make_user("guest", acme, Membership.Role.GUEST)
    for user in (stranger, guest):
        assert browser(user).get(one).status_code == 404
        listed = browser(user).get(URL)
        assert listed.status_code == 200
        assert "i-1" not in shown(listed)


def test_queries_do_not_grow_with_rows(
    api: Any, acme: Tenant, person: Client, django_assert_max_num_queries: Any
) -> None:
    told(api, resource(1))
    told(api, resource(1, state="stopped"))
    one = f"{URL}/{Resource.objects.get().pk}"
    with django_assert_max_num_queries(14) as queries:
        person.get(URL)
    few = len(queries)
    with django_assert_max_num_queries(14) as queries:
        person.get(one)
    history = len(queries)
    for n in range(4):
        told(api, *(resource(number, cloud_account_id=f"a{number}", state=f"s{n}") for number in range(1, 9)))
    with django_assert_max_num_queries(few):
        person.get(URL)
    with django_assert_max_num_queries(history):
        person.get(one)


def test_pages_follow_each_other(api: Any, person: Client) -> None:
    told(api, *(resource(number) for number in range(60)))
    first = person.get(URL, {"filter": "provider = aws"})
    following = first.context["page"].following
    second = person.get(f"{URL}?{following}")
    assert "filter=provider" in following
    ids = [row.resource_id for page in (first, second) for row in page.context["page"].rows]
    assert (len(ids), len(set(ids)), second.context["page"].following) == (60, 60, "")
