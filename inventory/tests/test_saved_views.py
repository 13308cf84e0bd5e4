"""A question that is kept under a name is asked by it, beside all else that is asked."""

from typing import Any, Final

import pytest

from accounts.models import AuditEntry, Tenant, User
from accounts.principals import SYSTEM
from inventory.models import SavedView
from inventory.services.bulk import Sent, resources_bulk
from inventory.services.views import saved_view_create
from inventory.tests.bills import bill, load
from inventory.tests.rows import resource
from tests.browser import browser

URL: Final = "/api/v1/saved-views"
PROD: Final = {"name": "prod", "kind": "costs", "filter": "tag:env = prod", "group_by": "service,month"}


@pytest.fixture(autouse=True)
def rows(acme: Tenant) -> None:
    load(
        acme,
        [
            bill("2026-03-01", 1, tags={"env": "prod"}),
            bill("2026-03-02", 2, tags={"env": "prod"}, service_name="S3"),
            bill("2026-03-03", 4),
        ],
    )
    by = SYSTEM.enter("acme")
    resources_bulk(by=by, sent=Sent([resource(1), resource(2, region="eu", tags={})]))


def test_costs_are_asked_by_a_view(api: Any) -> None:
    view = api.post(URL, PROD).json()
    for named in (view["id"], "prod"):
        found = api.get("/api/v1/costs/analytics", {"view": named}).json()
        assert {item["group"]["service"]: item["billed_cost"] for item in found["items"]} == {
            "EC2": "1",
            "S3": "2",
        }
        assert found["group_by"] == ["service", "month"]
    both = {"view": "prod", "filter": "service_name = S3", "group_by": "day"}
    (item,) = api.get("/api/v1/costs/analytics", both).json()["items"]
    assert (item["group"], item["billed_cost"]) == ({"day": "2026-03-02"}, "2")
    assert api.get("/api/v1/costs", {"view": "prod"}).json()["total"] == 2
    export = api.get("/api/v1/costs/export", {"view": "prod", "format": "csv"})
    assert len(b"".join(export.streaming_content).splitlines()) == 3


def test_resources_are_asked_by_a_view(api: Any) -> None:
    api.post(URL, {"name": "prod", "kind": "resources", "filter": "region = eu"})
    api.post(URL, PROD)
    assert [row["resource_id"] for row in api.get("/api/v1/resources", {"view": "prod"}).json()["items"]] == [
        "i-2"
    ]
    export = api.get("/api/v1/resources/export", {"view": "prod"})
    assert len(b"".join(export.streaming_content).splitlines()) == 2


def test_a_view_of_another_tenant_or_kind_is_none(api: Any, rival: Tenant) -> None:
    theirs = saved_view_create(by=SYSTEM, tenant=rival, **PROD)
    for path, named in (("costs", "prod"), ("costs/analytics", str(theirs.pk)), ("resources", "prod")):
        answer = api.get(f"/api/v1/{path}", {"view": named})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "view")


def test_it_is_changed_and_removed(api: Any) -> None:
    url = f"{URL}/{api.post(URL, PROD).json()['id']}"
    assert api.post(URL, PROD).status_code == 409
    assert api.patch(url, {"filter": "region = eu"}).json()["filter"] == "region = eu"
    assert [view["name"] for view in api.get(URL, {"kind": "costs"}).json()["items"]] == ["prod"]
    assert api.delete(url).status_code == 204
    actions = AuditEntry.objects.filter(action__startswith="saved_view").order_by("id")
    assert [entry.action.partition(".")[2] for entry in actions] == ["created", "updated", "deleted"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"filter": "colour = red"}, "filter"),
        ({"kind": "resources", "filter": "day > 2026-01-01"}, "filter"),
        ({"group_by": "colour"}, "group_by"),
        ({"kind": "people"}, "kind"),
        ({"name": ""}, "name"),
    ],
)
def test_what_is_no_view(api: Any, fields: dict[str, str], field: str) -> None:
    answer = api.post(URL, {**PROD, **fields})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert SavedView.objects.count() == 0


def test_the_console_refuses_what_does_not_fit(owner: User) -> None:
    """Each dimension is one, and all together are longer than a view holds."""
    form = {
        "do": "create",
        "kind": "costs",
        "name": "n",
        "group_by": [f"tag:{'x' * 90}{n}" for n in range(30)],
    }
    answer = browser(owner).post("/console/views", form)
    assert (answer.status_code, SavedView.objects.count()) == (400, 0)
    assert "group_by" in answer.content.decode()


def test_in_the_back_office(staff: User, acme: Tenant) -> None:
    view = saved_view_create(by=SYSTEM, tenant=acme, **PROD)
    client = browser(staff)
    assert client.get("/admin/inventory/savedview/?q=acme").context["cl"].result_count == 1
    client.post(f"/admin/inventory/savedview/{view.pk}/delete/", {"post": "yes"})
    assert SavedView.objects.count() == 0
