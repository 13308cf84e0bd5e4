"""Resources and costs in the back office: to be read; accounts are written by the services."""

import pytest

from accounts.models import AuditEntry, Tenant, User
from accounts.principals import SYSTEM
from inventory.models import CloudAccount, Import
from inventory.services.bulk import Sent, costs_bulk, resources_bulk
from inventory.tests.files import applied, csv_bytes
from inventory.tests.rows import cost, resource
from inventory.tests.test_importing_costs import on
from tests.browser import browser

READ = ("resource", "resourcechange", "charge", "costday", "costline", "import")


@pytest.fixture(autouse=True)
def rows(acme: Tenant) -> None:
    by = SYSTEM.enter("acme")
    resources_bulk(by=by, sent=Sent([resource(1)]))
    costs_bulk(by=by, sent=Sent([cost()]))


@pytest.mark.parametrize("model", READ)
def test_what_sources_tell_is_read_and_not_written(staff: User, model: str) -> None:
    client = browser(staff)
    found = client.get(f"/admin/inventory/{model}/?q=acme")
    rows = found.context["cl"].result_list
    assert len(rows) == (2 if model == "import" else 1)
    assert client.get(f"/admin/inventory/{model}/{rows[0].pk}/change/").status_code == 200
    assert client.get(f"/admin/inventory/{model}/add/").status_code == 403
    assert client.post(f"/admin/inventory/{model}/{rows[0].pk}/delete/", {"post": "yes"}).status_code == 403


def test_an_account_is_written_by_the_services(staff: User, acme: Tenant) -> None:
    client = browser(staff)
    new = {"tenant": str(acme.pk), "provider": "Google", "account_id": "p-1", "name": "", "is_active": "on"}
    assert client.post("/admin/inventory/cloudaccount/add/", new).status_code == 302
    made = CloudAccount.objects.get(provider="gcp")
    client.post(f"/admin/inventory/cloudaccount/{made.pk}/change/", {"name": "Main"})
    made.refresh_from_db()
    assert (made.name, made.is_active, made.account_id) == ("Main", False, "p-1")
    assert client.post(f"/admin/inventory/cloudaccount/{made.pk}/delete/", {"post": "yes"}).status_code == 302
    assert list(CloudAccount.objects.values_list("provider", flat=True)) == ["aws"]
    actions = AuditEntry.objects.filter(action__startswith="cloud_account").order_by("id")
    assert [entry.action.partition(".")[2] for entry in actions] == ["created", "updated", "deleted"]


def test_files_are_undone_there_and_calls_are_not(staff: User, acme: Tenant) -> None:
    run = applied(acme, csv_bytes([on(10, "1")]))
    call = Import.objects.filter(origin="api").first()
    assert call is not None
    for chosen, state in ((call, "applied"), (run, "undone")):
        body = {"action": "undo", "_selected_action": [str(chosen.pk)], "confirmed": "yes"}
        browser(staff).post("/admin/inventory/import/", body)
        assert Import.objects.get(pk=chosen.pk).state == state
    entry = AuditEntry.objects.get(action="costs.undone")
    assert (entry.actor, entry.tenant) == (f"user:{staff.email}", acme)
