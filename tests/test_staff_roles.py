"""Support reads, operators act, administrators may do all: every list of the back office and what it does."""

from typing import Any, Final

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import AuditEntry, Tenant, User
from accounts.principals import is_platform
from builds.models import Build
from tests.builders import make_user
from tests.rows import make_row

pytestmark = pytest.mark.django_db

FORMS: Final = ("add", "change", "delete")
EXPORTS: Final = {"export_csv", "export_xlsx"}
# Of each list what operators may do beside reading it, and what administrators may; "=" the same. Support
# reads all of them, and does nothing.
TABLE: Final = """
accounts.activitycounter   | -                      | =
accounts.activityentry     | -                      | =
accounts.apikey            | -                      | add change +revoke
accounts.auditentry        | -                      | =
accounts.delivery          | +redeliver             | =
accounts.digest            | -                      | =
accounts.federatedidentity | -                      | =
accounts.idempotentcall    | -                      | =
accounts.invitation        | -                      | =
accounts.mailrefusal       | -                      | =
accounts.membership        | -                      | add change +remove
accounts.refreshtoken      | -                      | =
accounts.retentionpolicy   | -                      | add change
accounts.tenant            | add change             | =
accounts.user              | +send_password_reset   | add change +deactivate +activate +send_password_reset
accounts.webhook           | add change +test +remove | =
builds.build               | +cancel +retry +revoke +assign | =
builds.channel             | -                      | =
builds.imagetype           | add change +retire +bring_back | =
builds.osversion           | add change +retire +bring_back | =
builds.platform            | add change +retire +bring_back | =
builds.project             | -                      | =
builds.statetemplate       | -                      | =
gcore.clientmapping        | add +import_on +import_off +remove | =
gcore.featuremeter         | add change delete +delete_chosen | =
gcore.gcoreaccount         | -                      | add change +try_out
gcore.providerimport       | +again                 | =
gcore.reconciliation       | -                      | =
gcore.reportjob            | +retry +cancel         | =
inventory.allocationrule   | add change delete +delete_chosen | =
inventory.anomalyfeedback  | -                      | =
inventory.anomalythresholds| add change             | =
inventory.automationrule   | add change delete +plan +delete_chosen | =
inventory.automationrun    | +approve +reject +undo | =
inventory.budget           | add change delete +delete_chosen | =
inventory.budgetnotice     | -                      | =
inventory.charge           | -                      | =
inventory.cloudaccount     | add change delete +delete_chosen | =
inventory.costday          | -                      | =
inventory.costline         | -                      | =
inventory.exchangerate     | add change delete +delete_chosen | =
inventory.folder           | add change delete +delete_chosen | =
inventory.folderpermission | -                      | add change delete +delete_chosen
inventory.import           | +undo                  | =
inventory.mappingprofile   | -                      | =
inventory.product          | add change delete +delete_chosen | =
inventory.productcharge    | -                      | =
inventory.productresource  | -                      | =
inventory.realisedsaving   | -                      | =
inventory.recommendation   | +dismiss +mark_done +reopen | =
inventory.recommendationrun| +again                 | =
inventory.resource         | -                      | =
inventory.resourcechange   | -                      | =
inventory.rulesetting      | add change             | =
inventory.savedview        | delete +delete_chosen  | =
usage.adjustment           | -                      | =
usage.alert                | +acknowledge +resolve  | =
usage.correction           | -                      | =
usage.deadletter           | +replay +dismiss       | =
usage.dirtyhour            | -                      | =
usage.meter                | add change delete +delete_chosen | =
usage.pricerule            | add change +end        | =
usage.quota                | add change delete +delete_chosen | =
usage.rollup               | -                      | =
usage.statement            | add +adjust            | =
usage.usageevent           | -                      | =
"""


def asked_by(user: User) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = user
    return request


def staff_of(role: str) -> User:
    return make_user(role or "boss", is_staff=True, is_superuser=not role, staff_role=role)


def told(page: Any, request: HttpRequest) -> str:
    """What somebody may do on a page, as the table says it."""
    assert page.has_view_permission(request)
    actions = page.get_actions(request)
    assert actions.keys() >= EXPORTS
    forms = [verb for verb in FORMS if getattr(page, f"has_{verb}_permission")(request)]
    return " ".join([*forms, *(f"+{name}" for name in actions if name not in EXPORTS)]) or "-"


def expected(role: str) -> dict[str, str]:
    found = {}
    for line in TABLE.strip().splitlines():
        label, operator, boss = (cell.strip() for cell in line.split("|"))
        found[label] = {"support": "-", "operator": operator}.get(role, operator if boss == "=" else boss)
    return found


@pytest.mark.every_case
@pytest.mark.parametrize("role", ["support", "operator", ""])
def test_what_each_role_may_do_on_each_list(role: str) -> None:
    request = asked_by(staff_of(role))
    pages = admin.site._registry.items()
    assert {model._meta.label_lower: told(page, request) for model, page in pages} == expected(role)


def test_somebody_without_a_role_may_nothing() -> None:
    request = asked_by(make_user("bare", is_staff=True))
    assert not any(page.has_view_permission(request) for page in admin.site._registry.values())
    assert admin.site.get_app_list(request) == []


def test_a_role_counts_for_active_staff_alone() -> None:
    for is_staff, is_active in ((False, True), (True, False)):
        user = make_user(f"kim-{is_staff}", staff_role="operator", is_staff=is_staff, is_active=is_active)
        assert not user.has_perm("builds.change_build")
        assert not user.has_module_perms("builds")


@pytest.mark.parametrize(("role", "status"), [("support", "pending"), ("operator", "cancelled")])
def test_an_action_that_is_not_offered_is_not_done_either(role: str, status: str) -> None:
    build = make_row(Build)
    client = Client()
    client.force_login(staff_of(role))
    form = {"action": "cancel", ACTION_CHECKBOX_NAME: [build.pk], "confirmed": "yes"}
    client.post(reverse("admin:builds_build_changelist"), form)
    build.refresh_from_db()
    assert build.status == status
    tenant = reverse("admin:accounts_tenant_change", args=[build.tenant_id])
    answer = client.post(tenant, {"name": "New", "timezone": "UTC", "currency": "EUR", "cors_origins": "[]"})
    assert answer.status_code == (403 if role == "support" else 302)
    kept = Tenant.objects.get(pk=build.tenant_id)
    assert (kept.name == "New", kept.is_active) == (role == "operator", True)


@pytest.mark.parametrize("role", ["support", "operator"])
def test_a_role_is_for_the_back_office_and_no_power_elsewhere(
    role: str, acme: Tenant, client_for: Any
) -> None:
    user = staff_of(role)
    assert not is_platform(user)
    call = client_for(user)
    assert call.get("/tenants").json()["items"] == []
    assert call.get("/builds", {"tenant_id": "acme"}).status_code == 403


def test_administrators_give_and_take_roles(staff: User) -> None:
    client = Client()
    client.force_login(staff)
    add = {"email": "kim@example.com", "timezone": "UTC", "staff_role": "support"}
    client.post(reverse("admin:accounts_user_add"), add)
    kim = User.objects.get(email="kim@example.com")
    assert (kim.is_staff, kim.is_superuser, kim.staff_role) == (True, False, "support")
    page = reverse("admin:accounts_user_change", args=[kim.pk])
    for role, is_staff in (("operator", True), ("", False)):
        client.post(page, {**add, "staff_role": role})
        kim.refresh_from_db()
        assert (kim.staff_role, kim.is_staff) == (role, is_staff)
    entries = AuditEntry.objects.filter(action="user.platform_changed").order_by("id")
    assert [entry.changes for entry in entries] == [
        {"staff_role": ["support", "operator"]}, {"staff_role": ["operator", ""]},
    ]  # fmt: skip


def test_the_last_administrator_is_not_made_an_operator(staff: User) -> None:
    staff_of("operator")
    client = Client()
    client.force_login(staff)
    page = reverse("admin:accounts_user_change", args=[staff.pk])
    form = {"email": staff.email, "timezone": "UTC", "staff_role": "operator"}
    answer = client.post(page, form, follow=True)
    assert "last active platform administrator" in answer.content.decode()
    staff.refresh_from_db()
    assert (staff.is_superuser, staff.staff_role) == (True, "")
