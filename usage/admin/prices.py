"""Prices, made, changed and ended by the services."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from accounts.admin.asking import confirmed
from accounts.admin.base import ServiceAdmin
from accounts.admin.desk import caller
from usage.models import PriceRule
from usage.services.prices import FIELDS, price_rule_create, price_rule_delete, price_rule_update


@admin.register(PriceRule)
class PriceRuleAdmin(ServiceAdmin):
    list_display = (
        "service_type", "service_provider", "model_or_tier", "event_type", "unit", "scheme", "currency",
        "tenant", "valid_from", "valid_until", "is_active",
    )  # fmt: skip
    list_filter = ("is_active", "scheme", "currency")
    list_select_related = ("tenant",)
    search_fields = ("service_type", "unit", "model_or_tier", "tenant__slug")
    autocomplete_fields = ("tenant",)
    fields = ("tenant", *FIELDS)
    actions = ("end",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant",) if obj else ()

    def save_model(self, request: HttpRequest, obj: PriceRule, form: "ModelForm[Any]", change: bool) -> None:
        by = caller(request, obj.tenant)
        if change:
            price_rule_update(by=by, rule=obj, changes=self.changed(form))
        else:
            obj.pk = price_rule_create(by=by, **form.cleaned_data).pk

    @admin.action(description="Delete: price open months without it", permissions=["end"])
    def end(self, request: HttpRequest, rows: QuerySet[PriceRule]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="end", title="Delete these prices",
            verb=lambda rule: price_rule_delete(by=by, rule=rule),
        )  # fmt: skip
