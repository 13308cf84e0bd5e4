"""Budgets, how they stand, and a form for one."""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.exact import quotient
from accounts.models import Scope
from accounts.pages.editing import addresses, edited, one_of
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from inventory.models import Budget, BudgetNotice
from inventory.queries.budgets import Standing, budget_standing
from inventory.services.budgets import FIELDS, budget_create, budget_delete, budget_update

LISTED: Final = 20  # each asks the bills for itself
KINDS: Final = (BudgetNotice.Of.ACTUAL.value, BudgetNotice.Of.FORECAST.value)


def _percentages(label: str, example: str) -> forms.RegexField:
    told = f"Percentages such as {example}."
    return forms.RegexField(
        r"^[\s,0-9%]*$", label=label, required=False, help_text=told, error_messages={"invalid": told}
    )


class BudgetForm(forms.Form):
    name = forms.CharField(max_length=255)
    amount = forms.DecimalField(max_digits=38, decimal_places=14)
    currency = forms.RegexField(
        r"^[A-Z]{3}$", error_messages={"invalid": "Give three capital letters such as EUR."}
    )
    period = forms.ChoiceField(label="For each", choices=Budget.Period.choices)
    cost = forms.ChoiceField(label="Count", choices=Budget.Cost.choices)
    filter = forms.CharField(
        max_length=2000, required=False, help_text="Only these costs, such as tag:env = prod. Empty: all."
    )
    actual = _percentages("Tell when so much is spent", "50, 80, 100")
    forecast = _percentages("Tell when so much is forecast", "100")
    emails = forms.CharField(
        label="Tell by mail", required=False, help_text="Addresses, parted by commas.",
        widget=forms.TextInput(attrs={"inputmode": "email"}),
    )  # fmt: skip
    is_active = forms.BooleanField(label="It is watched", required=False, initial=True)

    def fields_of_budget(self) -> dict[str, Any]:
        given = self.cleaned_data
        thresholds = [
            {"percent": int(percent), "of": of}
            for of in KINDS
            for percent in re.findall(r"[0-9]+", given[of])[:20]
        ]
        plain: dict[str, Any] = {name: given[name] for name in FIELDS if name in given}
        return {**plain, "thresholds": thresholds, "emails": addresses(given["emails"])}


class Row(NamedTuple):
    """`percent` of the amount is spent; `drawn` and `expected`, None without a forecast, are at most 100."""

    budget: Budget
    standing: Standing
    percent: Decimal
    drawn: float
    expected: float | None
    mark: str


@require_safe
@tenant_page()
def budgets(request: HttpRequest, principal: Principal) -> HttpResponse:
    found = Budget.objects.for_tenant(principal.home).select_related("tenant").order_by("name")
    page = Paginator(found, LISTED).get_page(request.GET.get("page"))
    return show(
        request,
        "inventory/budgets.html",
        principal,
        page=page,
        rows=[_row(budget) for budget in page.object_list],
        may_write=principal.allows(Scope.WRITE),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.WRITE)
def new_budget(request: HttpRequest, principal: Principal) -> HttpResponse:
    return _edited(request, principal, None)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.WRITE)
def one_budget(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    rows = Budget.objects.for_tenant(principal.home).select_related("tenant")
    return _edited(request, principal, one_of(rows, pk, "budget"))


def _edited(request: HttpRequest, principal: Principal, found: Budget | None) -> HttpResponse:
    form = BudgetForm(request.POST or None, initial=_initial(principal, found))
    return edited(
        request,
        principal,
        "console/definition.html",
        found=found,
        form=form,
        save=lambda: _save(principal, found, form.fields_of_budget()),
        delete=partial(_deleted, principal),
        there="console:budgets",
        noun="budget",
        what="what it told stays in the activity",
    )


def _save(principal: Principal, found: Budget | None, fields: dict[str, Any]) -> str:
    if found is None:
        budget_create(by=principal, tenant=principal.home, **fields)
    else:
        budget_update(by=principal, budget=found, changes=fields)
    return f"The budget {fields['name']} is saved."


def _deleted(principal: Principal, budget: Budget) -> str:
    budget_delete(by=principal, budget=budget)
    return f"The budget {budget.name} is deleted."


def _initial(principal: Principal, found: Budget | None) -> dict[str, Any]:
    if found is None:
        return {"currency": principal.home.currency, "actual": "80, 100", "forecast": "100"}
    told = {name: getattr(found, name) for name in FIELDS}
    percents = {of: _percents(found.thresholds, of) for of in KINDS}
    return {**told, **percents, "emails": ", ".join(found.emails), "amount": f"{found.amount.normalize():f}"}


def _percents(thresholds: Iterable[dict[str, Any]], of: str) -> str:
    return ", ".join(str(threshold["percent"]) for threshold in thresholds if threshold["of"] == of)


def _row(budget: Budget) -> Row:
    standing = budget_standing(budget)
    percent = standing.percent(budget)
    drawn, expected = float(percent), None
    if standing.forecast is not None:
        expected = float(quotient(100 * standing.forecast, budget.amount))
    mark = "bad" if drawn >= 100 else "warn" if drawn >= 80 or (expected or 0) >= 100 else "good"
    bar = None if expected is None else _within(expected)
    return Row(budget, standing, percent, _within(drawn), bar, mark)


def _within(percent: float) -> float:
    return round(max(0.0, min(100.0, percent)), 2)
