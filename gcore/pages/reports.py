"""Reports of Gcore in the console: asked for, watched while they are made, taken away as files."""

from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import retarget

from accounts.errors import AppError, Conflict, NotFound
from accounts.models import Scope
from accounts.pages.gate import show, tenant_page
from accounts.pages.paging import newest
from accounts.principals import Principal
from gcore.models import ClientMapping, ReportJob
from gcore.queries.reports import ALL, Report, lone_jobs, report_of, visible_bundles
from gcore.report_files import FILES, report_file
from gcore.services.provider_usage import IMPORTER
from gcore.services.reports import Wanted, asked_delete, product_request

PRODUCTS: Final = ((ALL, "All products"), *ReportJob.Product.choices)
WORDS: Final = {
    "requested": "Asked for",
    "queued": "Waiting at Gcore",
    "generating": "Gcore makes it",
    "downloading": "Being read",
    "completed": "Ready",
    "partial": "Ready in part",
    "failed": "Failed",
    "cancelled": "Called off",
    "timed_out": "Not ready in time",
}


def _day(label: str, help_text: str = "") -> forms.DateField:
    return forms.DateField(label=label, help_text=help_text, widget=forms.DateInput(attrs={"type": "date"}))


class ReportForm(forms.Form):
    """Whole days of Gcore's, which are in UTC; both are included."""

    product = forms.ChoiceField(choices=PRODUCTS)
    client_id = forms.CharField(label="Gcore client")
    start = _day("From")
    end = _day("To", "Included, in UTC.")
    refresh = forms.BooleanField(label="Ask Gcore anew, even if there is a fresh report", required=False)

    def __init__(self, clients: dict[str, str], by: Principal, data: Any = None) -> None:
        super().__init__(data, initial=_until_yesterday(timezone.now()))
        if by.platform:  # who may ask for any client
            self.fields["client_id"] = forms.RegexField(r"\A[0-9]{1,20}\Z", label="Gcore client id")
            self.fields["client_id"].widget.attrs |= {"list": "clients", "inputmode": "numeric"}
        else:
            named = [(client_id, f"{name} {client_id}".strip()) for client_id, name in clients.items()]
            self.fields["client_id"] = forms.ChoiceField(label="Gcore client", choices=named)

    def clean(self) -> dict[str, Any]:
        start, end = self.cleaned_data.get("start"), self.cleaned_data.get("end")
        if start and end and end < start:
            self.add_error("end", "The report ends before it begins.")
        return self.cleaned_data

    def asked(self) -> dict[str, Any]:
        given = self.cleaned_data
        wanted = Wanted(given["client_id"], given["start"], given["end"])
        return {"product": given["product"], "wanted": wanted, "refresh": given["refresh"]}


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page()
def reports(request: HttpRequest, principal: Principal) -> HttpResponse:
    """The list; a POST asks for another one."""
    clients = _clients(principal)
    form = ReportForm(clients, principal, request.POST or None)
    error = None
    if request.method == "POST":
        principal.require(Scope.WRITE)
        try:
            if form.is_valid():
                return _asked(request, principal, form)
        except AppError as refused:
            error = refused
    may_write = principal.allows(Scope.WRITE)
    page = newest(
        lone_jobs(by=principal, tenant=principal.home),
        request,
        beside=[visible_bundles(by=principal, tenant=principal.home)],
    )
    return show(
        request,
        "gcore/reports.html",
        principal,
        status=error.status if error else 200,
        form=form if may_write and (clients or principal.platform) else None,
        error=error,
        clients=clients,
        following=page.following,
        rows=[_row(Report.of(asked), clients) for asked in page.rows],
        may_write=may_write,
    )


def _asked(request: HttpRequest, principal: Principal, form: ReportForm) -> HttpResponse:
    product_request(by=principal, tenant=principal.home, **form.asked())
    messages.success(request, "The report is asked for. It is made while you do something else.")
    return redirect("console:gcore-reports")


@require_safe
@tenant_page()
def report_row(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """How far a report is, for the list that shows it: its state, and once it has ended its whole row."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("console:gcore-reports")
    try:
        report = report_of(by=principal, tenant=principal.home, report_id=pk)
    except NotFound:  # removed meanwhile, and so is its row
        return retarget(HttpResponse(), f"#report-{pk}")
    row, may_write = _row(report, _clients(principal)), principal.allows(Scope.WRITE)
    if report.is_running:
        return show(request, "gcore/report_state.html", principal, row=row)
    ended = show(request, "gcore/report_row.html", principal, row=row, may_write=may_write)
    return retarget(ended, f"#report-{pk}")


@require_POST
@tenant_page(Scope.WRITE)
def report_remove(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """Calls a running report off; removes one that has ended."""
    report = report_of(by=principal, tenant=principal.home, report_id=pk)
    asked_delete(by=principal, report=report)
    messages.success(request, "The report is called off." if report.is_running else "The report is removed.")
    return redirect("console:gcore-reports")


@require_safe
@tenant_page()
def report_download(request: HttpRequest, principal: Principal, pk: UUID, form: str) -> HttpResponseBase:
    report = report_of(by=principal, tenant=principal.home, report_id=pk)
    if form not in FILES:
        raise NotFound("A report comes as CSV, XLSX or JSON.")
    if report.is_running or report.failed:
        raise Conflict("There is no file of a report that is not ready, or not all of it.")
    return report_file(request, report, form)


def _clients(principal: Principal) -> dict[str, str]:
    """The clients that are open to the tenant, each with its name."""
    mappings = ClientMapping.objects.for_tenant(principal.home).filter(account__is_active=True)
    return dict(mappings.order_by("client_id").values_list("client_id", "name"))


def _until_yesterday(now: datetime) -> dict[str, date]:
    yesterday = now.date() - timedelta(days=1)
    return {"start": yesterday.replace(day=1), "end": yesterday}


def _row(report: Report, clients: dict[str, str]) -> dict[str, Any]:
    """`files`: what can be taken away: the report, or of one that is ready in part the products that are."""
    job = report.jobs[0]
    whole = not report.is_running and not report.failed
    parts = [report] if whole else [Report.of(one) for one in report.completed if not report.is_running]
    return {
        "report": report,
        "job": job,
        "product": dict(PRODUCTS)[report.product],
        "days": " to ".join(f"{day:%-d %b %Y}" for day in sorted({job.start_date, job.end_date})),
        "client": clients.get(job.client_id, ""),
        "asked_at": report.bundle.created_at if report.bundle else job.created_at,
        "asked_by": "the nightly import" if job.requested_by == IMPORTER.actor else job.requested_by,
        "state": WORDS[report.status],
        "aside": sum(one.aside_rows for one in report.completed),
        "files": [(dict(PRODUCTS)[part.product] if not whole else "", part) for part in parts],
    }
