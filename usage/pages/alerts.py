"""Alerts: how they stand, and a form for one."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import AppError
from accounts.exact import canonical
from accounts.models import Scope
from accounts.pages.editing import addresses, edited, one_of
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from usage.models import Alert
from usage.models.alerts import DAY_MINUTES
from usage.services.alerts import (
    FIELDS,
    alert_acknowledge,
    alert_create,
    alert_delete,
    alert_resolve,
    alert_update,
)

MEASURES: Final = [
    (Alert.Measure.USAGE, "Events, or the sum of a metric"),
    (Alert.Measure.COST, "Cost, as senders billed it"),
    (Alert.Measure.ERROR_RATE, "Share of failed events, 0 to 1"),
    (Alert.Measure.LATENCY, "95th percentile of a metric"),
]  # fmt: skip
HANDLED: Final = {
    "acknowledge": (alert_acknowledge, "You are at it."), "resolve": (alert_resolve, "It is resolved."),
}  # fmt: skip


def _minutes(label: str, least: int, told: str) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=least, max_value=31 * DAY_MINUTES, help_text=told)


class AlertForm(forms.Form):
    name = forms.CharField(max_length=255)
    measure = forms.ChoiceField(label="Watch", choices=MEASURES)
    metric = forms.CharField(max_length=255, required=False, help_text="Of usage and of a percentile.")
    filter = forms.CharField(
        label="Only events for which", max_length=2000, required=False,
        help_text="Such as service_type = compute. Empty: all.",
    )  # fmt: skip
    operator = forms.ChoiceField(label="Tell when it is", choices=Alert.Operator.choices)
    threshold = forms.DecimalField(label="this", max_digits=38, decimal_places=14)
    currency = forms.RegexField(
        r"^[A-Z]{3}$", error_messages={"invalid": "Give three capital letters such as EUR."},
        help_text="Of cost.",
    )  # fmt: skip
    window_minutes = _minutes("in so many minutes", 1, "At most a day; of usage 31 days.")
    cooldown_minutes = _minutes("Not again for", 0, "Minutes.")
    min_points = forms.IntegerField(
        label="With events at least", min_value=0, max_value=1_000_000_000, help_text="0: silence counts too."
    )
    emails = forms.CharField(
        label="Tell by mail", required=False, help_text="Addresses, parted by commas.",
        widget=forms.TextInput(attrs={"inputmode": "email"}),
    )  # fmt: skip
    is_active = forms.BooleanField(label="It is watched", required=False, initial=True)

    def clean_emails(self) -> list[str]:
        return addresses(self.cleaned_data["emails"])


@require_safe
@tenant_page()
def alerts(request: HttpRequest, principal: Principal) -> HttpResponse:
    found = Alert.objects.for_tenant(principal.home).order_by("name")
    may_write = principal.allows(Scope.WRITE)
    return show(request, "usage/alerts.html", principal, alerts=found, may_write=may_write)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.WRITE)
def new_alert(request: HttpRequest, principal: Principal) -> HttpResponse:
    return _edited(request, principal, None)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.WRITE)
def one_alert(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """One alert to change, or by the button `do` to acknowledge or resolve."""
    rows = Alert.objects.for_tenant(principal.home).select_related("tenant")
    found = one_of(rows, pk, "alert")
    do = request.POST.get("do", "")
    if do in HANDLED:
        return _handled(request, principal, found, do)
    return _edited(request, principal, found)


def _handled(request: HttpRequest, principal: Principal, found: Alert, do: str) -> HttpResponse:
    verb, said = HANDLED[do]
    try:
        verb(by=principal, alert=found)
        messages.success(request, f"{found.name}: {said}")
    except AppError as error:
        messages.error(request, f"{found.name}: {error.message}")
    return redirect("console:alerts")


def _edited(request: HttpRequest, principal: Principal, found: Alert | None) -> HttpResponse:
    form = AlertForm(request.POST or None, initial=_initial(principal, found))

    def save() -> str:
        if found is None:
            alert_create(by=principal, tenant=principal.home, **form.cleaned_data)
        else:
            alert_update(by=principal, alert=found, changes=form.cleaned_data)
        return f"The alert {form.cleaned_data['name']} is saved."

    return edited(
        request, principal, "console/definition.html", found=found, form=form, save=save,
        delete=partial(_deleted, principal), there="console:alerts", noun="alert",
        what="what it told stays in the activity",
    )  # fmt: skip


def _initial(principal: Principal, found: Alert | None) -> dict[str, Any]:
    if found is None:
        usual = {"window_minutes": 60, "cooldown_minutes": 60, "min_points": 1}
        return {"currency": principal.home.currency, **usual}
    told = {name: getattr(found, name) for name in FIELDS}
    return {**told, "threshold": canonical(found.threshold), "emails": ", ".join(found.emails)}


def _deleted(principal: Principal, alert: Alert) -> str:
    alert_delete(by=principal, alert=alert)
    return f"The alert {alert.name} is deleted."
