"""Reports and mappings in the back office."""

from collections.abc import Callable
from typing import Any, Final

import pytest
import time_machine
from django.contrib.auth.models import Permission

from accounts.models import AuditEntry, Tenant, User
from gcore.models import ClientMapping, ReportJob
from gcore.services.accounts import account_default
from gcore.simulator import Simulator
from gcore.tests.reports import CLIENT, again, ask, map_client, work
from tests.browser import browser
from tests.builders import make_user

pytestmark = pytest.mark.django_db
JOBS: Final = "/admin/gcore/reportjob/"
MAPPINGS: Final = "/admin/gcore/clientmapping/"


@pytest.fixture
def act(staff: User) -> Callable[..., Any]:
    """`act(page, name, row)`: an action of the back office, with its "yes"."""

    def post(page: str, name: str, row: Any) -> Any:
        data = {"action": name, "_selected_action": [str(row.pk)], "confirmed": "yes"}
        return browser(staff).post(page, data, follow=True)

    return post


def test_a_client_is_opened_to_a_tenant_and_closed(
    acme: Tenant, staff: User, act: Callable[..., Any]
) -> None:
    account = account_default()
    fields = {"tenant": str(acme.pk), "account": str(account.pk), "client_id": CLIENT, "name": "SDG"}
    assert browser(staff).post(f"{MAPPINGS}add/", fields).status_code == 302
    mapping = ClientMapping.objects.get()
    assert (mapping.tenant, mapping.account, mapping.client_id) == (acme, account, CLIENT)
    again_answer = browser(staff).post(f"{MAPPINGS}add/", fields, follow=True)
    assert "already" in again_answer.content.decode()
    bad = browser(staff).post(f"{MAPPINGS}add/", {**fields, "client_id": "x"})
    assert "Give the number of a Gcore client." in bad.content.decode()
    assert browser(staff).get(f"{MAPPINGS}?q=829449").context["cl"].result_count == 1
    act(MAPPINGS, "remove", mapping)
    assert not ClientMapping.objects.exists()
    actions = AuditEntry.objects.filter(tenant=acme).order_by("id").values_list("action", "actor")
    who = f"user:{staff.email}"
    assert list(actions) == [("client_mapping.created", who), ("client_mapping.deleted", who)]


def test_reports_are_seen_tried_again_and_called_off(
    acme: Tenant, staff: User, gcore_simulator: Simulator, clock: time_machine.Traveller,
    act: Callable[..., Any],
) -> None:  # fmt: skip
    gcore_simulator.state.set_knobs(table=[["Company", "Usage"], ["Someone Else", "7"]])
    job = work(ask(acme), clock)
    page = browser(staff).get(f"{JOBS}{job.pk}/change/").content.decode()
    assert "Someone Else,7" in page
    assert browser(staff).get(JOBS).status_code == 200
    assert browser(staff).get(f"{JOBS}add/").status_code == 403
    act(JOBS, "retry", job)
    assert again(job).state == "requested"
    assert "runs or is complete" in act(JOBS, "retry", job).content.decode()
    act(JOBS, "cancel", job)
    assert again(job).state == "cancelled"
    gcore_simulator.state.set_knobs(table=None, oddities=["garbled"])
    done = work(ask(acme, refresh=True), clock)
    assert done.aside_rows > 0
    assert "is no number" in browser(staff).get(f"{JOBS}{done.pk}/change/").content.decode()


def test_the_file_is_for_those_who_may_see_reports(
    acme: Tenant, staff: User, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    waiting, job = ask(acme, product="cdn"), work(ask(acme), clock)
    path = f"{JOBS}{job.pk}/file/"
    answer: Any = browser(staff).get(path)
    with job.raw.open("rb") as raw:
        assert b"".join(answer.streaming_content) == raw.read()
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert AuditEntry.objects.filter(action="report.file_read", object_id=str(job.pk)).count() == 1
    assert browser(staff).get(f"{JOBS}{waiting.pk}/file/").status_code == 404
    clerk = make_user("clerk", is_staff=True)
    assert browser(clerk).get(path).status_code == 403
    assert browser().get(path).status_code == 302
    clerk.user_permissions.add(Permission.objects.get(codename="view_reportjob"))
    assert browser(clerk).get(path).status_code == 200
    asked = browser(clerk).post(JOBS, {"action": "cancel", "_selected_action": [str(waiting.pk)]})
    assert asked.status_code in {302, 403, 200}
    assert ReportJob.objects.get(pk=waiting.pk).state == "requested"


def test_mappings_are_the_platforms_to_make(acme: Tenant, member: User) -> None:
    map_client(acme)
    assert browser(member).get(MAPPINGS).status_code == 302
