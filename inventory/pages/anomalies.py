"""Days that cost unusually much or little, what changed just before, and what people say of them."""

from datetime import date
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.errors import AppError
from accounts.models import Scope
from accounts.pages.gate import show, tenant_page
from accounts.principals import SHARED, Principal
from inventory.models import AnomalyFeedback
from inventory.queries.anomalies import cost_anomalies, thresholds_of
from inventory.queries.causes import causes_of
from inventory.queries.spans import DAY, told_span
from inventory.services.anomalies import anomaly_judge

SHOWN: Final = 50
Status = AnomalyFeedback.Status


class DaysForm(forms.Form):
    """In which an anomaly begins: whole days (UTC), both included; empty: the last 30."""

    first = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    status = forms.ChoiceField(choices=[("", "All"), *Status.choices], required=False)

    def days(self) -> dict[str, Any]:
        last = self.cleaned_data["last"]
        return {
            "start": self.cleaned_data["first"],
            "end": last and min(last, date.max - DAY) + DAY,
        }


class FeedbackForm(forms.Form):
    currency = forms.CharField(max_length=3)
    service = forms.CharField(max_length=255, required=False, strip=False)
    account = forms.CharField(max_length=255, required=False, strip=False)
    day = forms.DateField()
    status = forms.ChoiceField(choices=Status.choices)
    note = forms.CharField(max_length=2000, required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(SHARED)
def anomalies(request: HttpRequest, principal: Principal) -> HttpResponse:
    """The list, the largest first; a POST says what one of them is."""
    if request.method != "POST":
        return _page(request, principal)
    principal.require(Scope.WRITE)
    form = FeedbackForm(request.POST)
    if not form.is_valid():
        return _page(request, principal, invalid=form)
    given = form.cleaned_data
    series = (given.pop("currency"), given.pop("service"), given.pop("account"))
    try:
        said = anomaly_judge(by=principal, tenant=principal.home, series=series, **given)
    except AppError as error:
        return _page(request, principal, error=error)
    messages.success(request, f"It is {said.status} now.")
    return redirect(request.get_full_path())


def _page(
    request: HttpRequest,
    principal: Principal,
    error: AppError | None = None,
    invalid: FeedbackForm | None = None,
) -> HttpResponse:
    form = DaysForm(request.GET)
    tenant, told = principal.home, told_span(principal.home)
    context: dict[str, Any] = {"items": [], "total": 0}
    if told is not None and form.is_valid():
        status = form.cleaned_data["status"]
        found = [one for one in cost_anomalies(tenant=tenant, **form.days()) if status in ("", one.status)]
        shown = found[:SHOWN]
        context = {"items": list(zip(shown, causes_of(tenant, shown), strict=True)), "total": len(found)}
    return show(
        request,
        "inventory/anomalies.html",
        principal,
        status=error.status if error else 400 if invalid or form.errors else 200,
        told=told,
        form=form,
        error=error,
        invalid=invalid,
        limits=thresholds_of(tenant),
        statuses=Status.choices,
        may_write=principal.allows(Scope.WRITE),
        **context,
    )
