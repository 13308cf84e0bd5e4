"""Reports in the console: who may ask, what they see meanwhile and of failures, and what they take away."""

import io
import re
from typing import Any, Final

import openpyxl
import pytest
import time_machine
from django.test import Client

from accounts.models import Tenant, User
from accounts.principals import SYSTEM
from gcore.models import ClientMapping, ReportBundle, ReportJob
from gcore.services.mappings import mapping_delete
from gcore.simulator import Simulator
from gcore.tests.reports import CLIENT, STRANGER, ask, map_client, step, work
from tests.browser import Page, browser

pytestmark = pytest.mark.django_db
PAGE: Final = "/console/gcore/reports"
FORM: Final = {"product": "cloud", "client_id": CLIENT, "start": "2025-09-01", "end": "2025-09-24"}


@pytest.fixture(autouse=True)
def mapped(acme: Tenant, gcore_simulator: Simulator) -> None:
    map_client(acme)


@pytest.fixture
def person(owner: User) -> Client:
    return browser(owner)


def shown(response: Any) -> str:
    assert Page(response).blocked == []
    return " ".join(response.content.decode().split())


def looked(client: Client, report: Any) -> Any:
    """As the page itself looks every two seconds."""
    return client.get(f"{PAGE}/{report.pk}", headers={"hx-request": "true"})


def test_a_report_is_asked_for_watched_and_taken_away(person: Client, clock: time_machine.Traveller) -> None:
    assert '<option value="829449">829449</option>' in shown(person.get(PAGE))
    seen = shown(person.post(PAGE, FORM, follow=True))
    job = ReportJob.objects.get()
    assert "The report is asked for." in seen
    assert f'hx-get="{PAGE}/{job.pk}" hx-trigger="every 2s"' in seen
    assert '<progress value="0"' in seen
    assert f"{PAGE}/{job.pk}/file/csv" not in seen
    assert person.get(f"{PAGE}/{job.pk}/file/csv").status_code == 409
    step(job, clock)
    answer = looked(person, job)
    assert "HX-Retarget" not in answer.headers
    assert '<span class="tag warn">Waiting at Gcore</span>' in shown(answer)
    assert '<progress value="10"' in shown(answer)
    work(job, clock)
    answer = looked(person, job)
    row = shown(answer)
    assert answer.headers["HX-Retarget"] == f"#report-{job.pk}"
    assert row.startswith(f'<tr id="report-{job.pk}">')
    assert '<span class="tag good">Ready</span>' in row
    assert '<td class="num" data-label="Rows">4</td>' in row
    assert "every 2s" not in row
    assert row.partition("<form")[0] in shown(person.get(PAGE))


def test_it_is_taken_away_in_each_form(person: Client, clock: time_machine.Traveller, acme: Tenant) -> None:
    job = work(ask(acme), clock)
    csv = person.get(f"{PAGE}/{job.pk}/file/csv")
    assert csv.headers["Content-Disposition"] == (
        'attachment; filename="gcore-cloud-829449-2025-09-01-2025-09-24.csv"'
    )
    assert len(csv.content.decode().splitlines()) == 5
    book = openpyxl.load_workbook(io.BytesIO(person.get(f"{PAGE}/{job.pk}/file/xlsx").content))
    assert (book.sheetnames, book.worksheets[0].max_row) == (["Cloud"], 5)
    link = f"/api/v1/reports/gcore/{job.pk}?tenant_id=acme"
    assert link in shown(person.get(PAGE))
    assert person.get(link).json()["count"] == 4
    assert person.get(f"{PAGE}/{job.pk}/file/pdf").status_code == 404


def test_all_products_are_one_report_that_names_what_failed(
    person: Client, clock: time_machine.Traveller, gcore_simulator: Simulator
) -> None:
    gcore_simulator.state.set_knobs(hidden_products=["CDN"])
    person.post(PAGE, {**FORM, "product": "all"})
    bundle = ReportBundle.objects.get()
    work(bundle.cloud, clock)
    assert '<progress value="33"' in shown(looked(person, bundle))
    work(bundle.cdn, clock)
    work(bundle.waap, clock)
    page = shown(person.get(PAGE))
    assert page.count('<tr id="report-') == 1
    assert '<span class="tag warn">Ready in part</span>' in page
    assert "CDN: Gcore lists no features of CDN." in page
    assert '<td class="num" data-label="Rows">6</td>' in page
    assert f"{PAGE}/{bundle.cloud_id}/file/xlsx" in page
    for report in (bundle.pk, bundle.cdn_id):
        assert f"{PAGE}/{report}/file/xlsx" not in page
        assert person.get(f"{PAGE}/{report}/file/xlsx").status_code == 409


@pytest.mark.parametrize(
    ("knobs", "tag", "words"),
    [
        (
            {"outcome": "Failed", "notes": ["no <rates>"]},
            '"tag bad">Failed',
            "Gcore could not make the report: no &lt;rates&gt;",
        ),
        ({"outcome": "Cancelled"}, '"tag ">Called off', "Gcore cancelled the report."),
        ({"outcome": "InProgress"}, '"tag bad">Not ready in time', "It was not finished within 600 s."),
        ({"oddities": ["no_client_column"]}, '"tag bad">Failed', "there is no column for client id"),
    ],
)
def test_a_failure_is_told_in_words_and_asked_for_again(
    person: Client,
    clock: time_machine.Traveller,
    gcore_simulator: Simulator,
    knobs: Any,
    tag: str,
    words: str,
) -> None:
    gcore_simulator.state.set_knobs(**knobs)
    person.post(PAGE, FORM)
    row = shown(looked(person, work(ReportJob.objects.get(), clock)))
    assert tag in row
    assert words in row
    assert "Nordwind" not in row
    person.post(PAGE, {**FORM, "refresh": "on"})
    assert ReportJob.objects.count() == 2


def test_a_form_that_makes_no_sense_asks_for_nothing(person: Client) -> None:
    for wrong, told in (
        ({"end": "2025-08-31"}, "The report ends before it begins."),
        ({"start": "2025-02-30"}, "Enter a valid date."),
        ({"client_id": STRANGER}, f"{STRANGER} is not one of the available choices"),
        ({"product": "dns"}, "dns is not one of the available choices"),
    ):
        answer = person.post(PAGE, {**FORM, **wrong})
        assert answer.status_code == 200
        assert told in shown(answer)
    assert not ReportJob.objects.exists()


def test_a_running_report_is_called_off_and_an_ended_one_removed(
    person: Client, clock: time_machine.Traveller, acme: Tenant
) -> None:
    job = ask(acme)
    assert "The report is called off." in shown(person.post(f"{PAGE}/{job.pk}/remove", follow=True))
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert "The report is removed." in shown(person.post(f"{PAGE}/{job.pk}/remove", follow=True))
    assert not ReportJob.objects.exists()
    gone = looked(person, job)
    assert (gone.status_code, gone.content, gone.headers["HX-Retarget"]) == (200, b"", f"#report-{job.pk}")
    assert person.get(f"{PAGE}/{job.pk}").headers["Location"] == PAGE


def test_a_viewer_looks_and_takes_away_but_asks_for_nothing(
    viewer: User, clock: time_machine.Traveller, acme: Tenant
) -> None:
    client = browser(viewer)
    assert "A member of the tenant can ask for them" in shown(client.get(PAGE))
    job = work(ask(acme), clock)
    page = shown(client.get(PAGE))
    assert "Ask for the report" not in page
    assert "/remove" not in page
    assert client.get(f"{PAGE}/{job.pk}/file/csv").status_code == 200
    assert client.post(PAGE, FORM).status_code == 403
    assert client.post(f"{PAGE}/{job.pk}/remove").status_code == 403
    assert ReportJob.objects.get() == job


def test_a_stranger_sees_none_of_it(stranger: User, clock: time_machine.Traveller, acme: Tenant) -> None:
    job = work(ask(acme), clock)
    client = browser(stranger)
    page = shown(client.get(PAGE))
    assert "No Gcore client is mapped to this tenant" in page
    assert CLIENT not in page
    assert looked(client, job).content == b""
    assert client.get(f"{PAGE}/{job.pk}/file/csv").status_code == 404
    assert client.post(f"{PAGE}/{job.pk}/remove").status_code == 404
    client.post(PAGE, FORM)
    assert ReportJob.objects.get() == job


def test_reports_of_a_client_that_was_closed_are_shown_to_staff_alone(
    person: Client, staff: User, acme: Tenant
) -> None:
    ask(acme, "waap", refresh=True)
    person.post(PAGE, {**FORM, "product": "all", "refresh": "on"})
    assert shown(person.get(PAGE)).count('<tr id="report-') == 2
    mapping_delete(by=SYSTEM, mapping=ClientMapping.objects.get())
    assert "No Gcore client is mapped" in shown(person.get(PAGE))
    assert looked(person, ReportBundle.objects.get()).content == b""
    client = browser(staff)
    client.post("/console/tenants", {"tenant": "acme"})
    assert shown(client.get(PAGE)).count('<tr id="report-') == 2


def test_platform_staff_ask_for_any_client(staff: User, acme: Tenant) -> None:
    client = browser(staff)
    client.post("/console/tenants", {"tenant": "acme"})
    assert '<datalist id="clients"><option value="829449">' in shown(client.get(PAGE))
    client.post(PAGE, {**FORM, "client_id": STRANGER})
    assert STRANGER in shown(client.get(PAGE))
    assert "Enter a valid value." in shown(client.post(PAGE, {**FORM, "client_id": "x"}))
    assert ReportJob.objects.get().client_id == STRANGER


def test_a_long_list_goes_on_and_asks_no_more_of_the_database(
    person: Client, acme: Tenant, django_assert_max_num_queries: Any
) -> None:
    ask(acme, "waap")  # and it is a part of all products then
    person.post(PAGE, {**FORM, "product": "all"})
    person.get(PAGE)
    with django_assert_max_num_queries(14) as few:
        person.get(PAGE)
    for _ in range(50):
        ask(acme, refresh=True)
    with django_assert_max_num_queries(len(few)):
        page = person.get(PAGE).content.decode()
    assert page.count('<tr id="report-') == 50
    (following,) = re.findall(r'href="([^"]+before=[^"]+)"', page)
    rest = person.get(following).content.decode()
    assert rest.count('<tr id="report-') == 1
    assert "Older reports" not in rest
