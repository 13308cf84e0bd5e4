"""Meters: the list, and a form for one."""

from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Scope
from accounts.pages.editing import edited, one_of
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from usage.models import Meter
from usage.services.meters import meter_create, meter_delete, meter_update

MOST: Final = 500


class MeterForm(forms.Form):
    slug = forms.SlugField(max_length=63, help_text="What clients ask for, such as tokens-out. It stays.")
    name = forms.CharField(max_length=255)
    aggregation = forms.ChoiceField(label="It makes", choices=Meter.Aggregation.choices)
    value = forms.CharField(
        label="of",
        max_length=255,
        help_text="A property such as metrics.tokens or user_id; 1: each event is one.",
    )
    percentile = forms.DecimalField(
        required=False, min_value=Decimal("0.001"), max_value=100, max_digits=6, decimal_places=3,
        help_text="Of the percentile alone, such as 95.",
    )  # fmt: skip
    unit = forms.CharField(max_length=63, required=False, help_text="Shown beside it, such as tokens.")
    filter = forms.CharField(
        label="Only events for which", max_length=2000, required=False,
        help_text="Such as service_type = compute. Empty: all.",
    )  # fmt: skip
    description = forms.CharField(max_length=2000, required=False)
    is_active = forms.BooleanField(label="It answers", required=False, initial=True)

    def __init__(self, found: Meter | None, data: Any) -> None:
        usual: dict[str, Any] = {"value": "1"}
        super().__init__(
            data, initial=usual if found is None else {n: getattr(found, n) for n in self.base_fields}
        )
        if found is not None:
            del self.fields["slug"]


@require_safe
@tenant_page()
def meters(request: HttpRequest, principal: Principal) -> HttpResponse:
    found = Meter.objects.for_tenant(principal.home).order_by("slug")[:MOST]
    may_write = principal.allows(Scope.WRITE)
    return show(request, "usage/meters.html", principal, meters=found, may_write=may_write)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.WRITE)
def new_meter(request: HttpRequest, principal: Principal) -> HttpResponse:
    return _edited(request, principal, None)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.WRITE)
def one_meter(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    rows = Meter.objects.for_tenant(principal.home).select_related("tenant")
    return _edited(request, principal, one_of(rows, pk, "meter"))


def _edited(request: HttpRequest, principal: Principal, found: Meter | None) -> HttpResponse:
    form = MeterForm(found, request.POST or None)

    def save() -> str:
        if found is None:
            meter_create(by=principal, tenant=principal.home, **form.cleaned_data)
        else:
            meter_update(by=principal, meter=found, changes=form.cleaned_data)
        return f"The meter {form.cleaned_data['name']} is saved. It counts the past too."

    return edited(
        request, principal, "console/definition.html", found=found, form=form, save=save,
        delete=partial(_deleted, principal), there="console:meters", noun="meter", what="its events stay",
    )  # fmt: skip


def _deleted(principal: Principal, meter: Meter) -> str:
    meter_delete(by=principal, meter=meter)
    return f"The meter {meter.slug} is deleted; its events stay."
