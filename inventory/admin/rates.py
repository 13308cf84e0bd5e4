"""Exchange rates."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin.base import Deleting, ServiceAdmin
from accounts.admin.desk import caller
from inventory.models import ExchangeRate
from inventory.services.rates import exchange_rate_delete, exchange_rate_set

NAMED = ("tenant", "currency", "to_currency", "valid_from")


@admin.register(ExchangeRate)
class ExchangeRateAdmin(Deleting, ServiceAdmin):
    list_display = ("currency", "to_currency", "valid_from", "rate", "tenant", "updated_at")
    list_filter = ("currency", "to_currency")
    list_select_related = ("tenant",)
    search_fields = ("=tenant__slug", "=currency", "=to_currency")
    autocomplete_fields = ("tenant",)
    fields = (*NAMED, "rate")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return NAMED if obj else ()

    def save_model(
        self, request: HttpRequest, obj: ExchangeRate, form: "ModelForm[Any]", change: bool
    ) -> None:
        given = {name: getattr(obj, name) for name in (*NAMED, "rate")}
        obj.pk = exchange_rate_set(by=caller(request, obj.tenant), **given).pk

    def delete_model(self, request: HttpRequest, obj: ExchangeRate) -> None:
        exchange_rate_delete(by=caller(request, obj.tenant), rate=obj)
