"""The comparison in the console; imports, feature meters and comparisons in the back office."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import AuditEntry, Tenant, User
from gcore.models import ClientMapping, FeatureMeter, ProviderImport
from gcore.services.reconciliation import reconcile
from gcore.tests.provided import MARCH, came_in, march, use
from gcore.tests.reports import map_client
from tests.browser import Page, browser
from usage.models import Meter

pytestmark = pytest.mark.django_db
PAGE = "/console/gcore"
IMPORTS = "/admin/gcore/providerimport/"
METERS = "/admin/gcore/featuremeter/"
MAPPINGS = "/admin/gcore/clientmapping/"


@pytest.fixture
def mapping(acme: Tenant) -> ClientMapping:
    return map_client(acme)


def test_the_console_shows_what_differs_and_what_did_not_come_in(
    acme: Tenant, mapping: ClientMapping, viewer: User
) -> None:
    came_in(mapping, *march(1, 2))
    came_in(mapping, *march(3), state="failed")
    ProviderImport.objects.filter(state="failed").update(error="Gcore is <away>")
    use(acme, march(1)[0], "92", "1234.5", "GB")
    use(acme, march(2)[0], "92", "1000")
    answer = browser(viewer).get(PAGE, {"month": "2026-03"})
    page, text = Page(answer), answer.content.decode()
    assert (page.title, page.blocked) == ("Gcore · Skyledger", [])
    assert "1 of 1 features need a look" in text
    assert "1 Mar to 2 Mar 2026" in text
    for shown in ("1,234.5 GB", "1,000", "-19.00 %", "Differs", "Feature 92", "Gcore is &lt;away&gt;"):
        assert shown in text
    assert "format=xlsx&amp;tenant_id=acme" in text
    assert browser(viewer).get(PAGE, {"month": "x"}).status_code == 400


def test_the_console_says_when_there_is_nothing_to_show(acme: Tenant, viewer: User, stranger: User) -> None:
    assert "No Gcore client is mapped" in browser(viewer).get(PAGE).content.decode()
    came_in(map_client(acme), *march(1))
    use(acme, MARCH, "92", "5", "GB")
    assert "Nothing has come in for this month" in browser(viewer).get(PAGE).content.decode()
    text = browser(stranger).get(PAGE, {"month": "2026-03"}).content.decode()
    assert "No Gcore client is mapped" in text
    assert "Feature 92" not in text
    assert browser(None).get(PAGE).status_code == 302


def test_a_day_is_imported_again_from_the_back_office(mapping: ClientMapping, staff: User) -> None:
    came_in(mapping, *march(1), state="failed")
    runs = ProviderImport.objects.filter(kind="cdn")
    chosen = {"action": "again", "_selected_action": [str(runs[0].pk)]}
    assert "Import these days again" in browser(staff).post(IMPORTS, chosen).content.decode()
    assert runs.get().state == "failed"
    browser(staff).post(IMPORTS, {**chosen, "confirmed": "yes"})
    assert runs.get().state == "waiting"
    assert AuditEntry.objects.get(action="gcore_import.asked").actor == f"user:{staff.email}"
    text = browser(staff).post(IMPORTS, {**chosen, "confirmed": "yes"}, follow=True).content.decode()
    assert "The import is on its way." in text


def test_a_customer_is_imported_no_more_and_again(mapping: ClientMapping, staff: User) -> None:
    for action, on in [("import_off", False), ("import_off", False), ("import_on", True)]:
        chosen = {"action": action, "_selected_action": [str(mapping.pk)], "confirmed": "yes"}
        browser(staff).post(MAPPINGS, chosen)
        mapping.refresh_from_db()
        assert mapping.is_imported is on
    actions = AuditEntry.objects.filter(action__startswith="client_mapping.").order_by("id")
    assert list(actions.values_list("action", flat=True)) == [
        "client_mapping.created", "client_mapping.not_imported", "client_mapping.imported",
    ]  # fmt: skip


def test_a_feature_is_given_a_meter_of_the_same_tenant(acme: Tenant, rival: Tenant, staff: User) -> None:
    fields: Any = {"aggregation": "sum", "value": "metrics.usage"}
    mine = Meter.objects.create(tenant=acme, slug="mine", name="Mine", **fields)
    theirs = Meter.objects.create(tenant=rival, slug="theirs", name="Theirs", **fields)
    client = browser(staff)
    form = {"tenant": str(acme.pk), "feature_id": "92", "meter": str(mine.pk), "factor": "0.000000001"}
    foreign = client.post(f"{METERS}add/", {**form, "meter": str(theirs.pk)}, follow=True)
    assert "another tenant" in foreign.content.decode()
    assert not FeatureMeter.objects.exists()
    assert client.post(f"{METERS}add/", form).status_code == 302
    rule = FeatureMeter.objects.get()
    assert (rule.feature_id, rule.meter, rule.factor) == ("92", mine, Decimal("0.000000001"))
    assert "already" in client.post(f"{METERS}add/", form, follow=True).content.decode()
    client.post(f"{METERS}{rule.pk}/change/", {"meter": str(mine.pk), "factor": "2"})
    rule.refresh_from_db()
    assert rule.factor == 2
    changed = AuditEntry.objects.get(action="feature_meter.updated").changes
    assert changed == {"factor": ["0.000000001", "2"]}
    client.post(f"{METERS}{rule.pk}/delete/", {"post": "yes"})
    assert not FeatureMeter.objects.exists()
    assert AuditEntry.objects.filter(action="feature_meter.deleted").exists()


def test_kept_comparisons_are_read_in_the_back_office(
    acme: Tenant, mapping: ClientMapping, staff: User
) -> None:
    came_in(mapping, *march(1))
    use(acme, MARCH, "92", "10", "GB")
    use(acme, MARCH, "92", "8")
    kept = reconcile(tenant=acme, month=MARCH)
    assert kept
    text = browser(staff).get(f"/admin/gcore/reconciliation/{kept.pk}/change/").content.decode()
    assert "92 Feature 92 (GB): Gcore 10, own 8, -20 % differs" in text
    assert "92 differs" in browser(staff).get("/admin/gcore/reconciliation/").content.decode()
