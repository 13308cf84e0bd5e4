"""Prices: the list, and a form for one, whose rates are written a line for each tier."""

import re
from functools import partial
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.exact import canonical
from accounts.models import Scope
from accounts.pages.editing import edited, one_of
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from usage.models import PriceRule
from usage.pricing import Scheme
from usage.services.prices import FIELDS, price_rule_create, price_rule_delete, price_rule_update

LISTED: Final = 50
TIER: Final = re.compile(r"(?:to\s+(?P<up_to>\S+)\s*:\s*)?(?P<rate>\S+)(?:\s+per\s+(?P<size>\S+))?")
SCHEMES: Final = [
    (Scheme.PER_UNIT.value, "For each unit"), (Scheme.PACKAGE.value, "For each started package"),
    (Scheme.FLAT.value, "Once a month"), (Scheme.VOLUME.value, "All units at the rate of the tier reached"),
    (Scheme.GRADUATED.value, "Each tier's units at its own rate"),
]  # fmt: skip
HOUR: Final = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "3600"}, format="%Y-%m-%dT%H:%M")


class PriceForm(forms.Form):
    service_type = forms.CharField(label="Service", max_length=50)
    service_provider = forms.CharField(
        label="Provider", max_length=255, required=False, help_text="Empty: any."
    )
    model_or_tier = forms.CharField(
        label="Model",
        max_length=255,
        required=False,
        help_text="metadata.model or .tier; empty: any.",
    )
    event_type = forms.CharField(max_length=255, required=False, help_text="Empty: any.")
    unit = forms.CharField(max_length=255, help_text="A metric such as input_tokens, or events.")
    currency = forms.RegexField(
        r"^[A-Z]{3}$", error_messages={"invalid": "Give three capital letters such as EUR."}
    )
    scheme = forms.ChoiceField(label="It is paid", choices=SCHEMES)
    tiers = forms.CharField(
        label="Rates",
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
        help_text="0.002, or of a package 5 per 1000; of tiers a line each: to 1000: 0.10, the last 0.05.",
    )
    minimum_charge = forms.CharField(max_length=80, required=False, help_text="Least of a month with usage.")
    valid_from = forms.DateTimeField(label="In force from", widget=HOUR, help_text="A whole hour of UTC.")
    valid_until = forms.DateTimeField(
        label="until", widget=HOUR, required=False, help_text="Empty: until further notice."
    )

    def clean_tiers(self) -> list[dict[str, str | None]]:
        lines = [line.strip() for line in self.cleaned_data["tiers"].splitlines() if line.strip()]
        found = [TIER.fullmatch(line) for line in lines]
        if not all(found):
            raise forms.ValidationError("Write each line as 0.05, 5 per 1000, or to 1000: 0.10.")
        return [match.groupdict() for match in found if match]

    def clean_minimum_charge(self) -> str:
        return self.cleaned_data["minimum_charge"] or "0"


@require_safe
@tenant_page()
def prices(request: HttpRequest, principal: Principal) -> HttpResponse:
    found = PriceRule.objects.for_tenant(principal.home).filter(is_active=True)
    page = Paginator(found.order_by("service_type", "unit", "valid_from", "id"), LISTED).get_page(
        request.GET.get("page")
    )
    return show(
        request,
        "usage/prices.html",
        principal,
        page=page,
        prices=[(rule, _lines(rule)) for rule in page.object_list],
        schemes=dict(SCHEMES),
        may_write=principal.allows(Scope.ADMIN),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.ADMIN)
def new_price(request: HttpRequest, principal: Principal) -> HttpResponse:
    return _edited(request, principal, None)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.ADMIN)
def one_price(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    rows = PriceRule.objects.for_tenant(principal.home).filter(is_active=True).select_related("tenant")
    return _edited(request, principal, one_of(rows, pk, "price"))


def _edited(request: HttpRequest, principal: Principal, found: PriceRule | None) -> HttpResponse:
    form = PriceForm(request.POST or None, initial=_initial(principal, found))

    def save() -> str:
        if found is None:
            price_rule_create(by=principal, tenant=principal.home, **form.cleaned_data)
        else:
            price_rule_update(by=principal, rule=found, changes=form.cleaned_data)
        return "The price is saved. Months that are still open are priced anew."

    return edited(
        request, principal, "console/definition.html", found=found, form=form, save=save,
        delete=partial(_deleted, principal), there="console:prices", noun="price",
        what="open months are priced without it",
    )  # fmt: skip


def _initial(principal: Principal, found: PriceRule | None) -> dict[str, Any]:
    if found is None:
        return {"currency": principal.home.currency}
    told = {name: getattr(found, name) for name in FIELDS}
    return {
        **told, "tiers": "\n".join(_lines(found)), "minimum_charge": canonical(found.minimum_charge)
    }  # fmt: skip


def _lines(rule: PriceRule) -> list[str]:
    """The tiers as they are written in the form."""
    return [
        (f"to {tier['up_to']}: " if tier.get("up_to") else "")
        + f"{tier['rate']}"
        + (f" per {tier['size']}" if tier.get("size") else "")
        for tier in rule.tiers
    ]


def _deleted(principal: Principal, price: PriceRule) -> str:
    price_rule_delete(by=principal, rule=price)
    return f"The price of {price} is deleted."
