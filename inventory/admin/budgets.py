"""Budgets, and what was told of them."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin.base import Deleting, LedgerAdmin, ServiceAdmin
from accounts.admin.desk import caller
from inventory.models import Budget, BudgetNotice
from inventory.services.budgets import FIELDS, budget_create, budget_delete, budget_update


@admin.register(Budget)
class BudgetAdmin(Deleting, ServiceAdmin):
    list_display = ("name", "tenant", "amount", "currency", "period", "is_active")
    list_filter = ("is_active", "period")
    list_select_related = ("tenant",)
    search_fields = ("name", "=tenant__slug")
    autocomplete_fields = ("tenant",)
    fields = ("tenant", *FIELDS)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Budget, form: "ModelForm[Any]", change: bool) -> None:
        by = caller(request, obj.tenant)
        if change:
            budget_update(by=by, budget=obj, changes=self.changed(form))
        else:
            given = {name: getattr(obj, name) for name in FIELDS}
            obj.pk = budget_create(by=by, tenant=obj.tenant, **given).pk

    def delete_model(self, request: HttpRequest, obj: Budget) -> None:
        budget_delete(by=caller(request, obj.tenant), budget=obj)


@admin.register(BudgetNotice)
class BudgetNoticeAdmin(LedgerAdmin):
    list_display = ("created_at", "tenant", "budget", "period_start", "of", "percent", "value", "amount")
    list_filter = ("of",)
    list_select_related = ("tenant", "budget")
    search_fields = ("=tenant__slug", "budget__name")
