"""Rules of showback, with their targets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin.desk import caller
from inventory.admin.folders import OwnedAdmin
from inventory.models import AllocationRule, AllocationTarget
from inventory.services.allocations import (
    allocation_rule_create,
    allocation_rule_delete,
    allocation_rule_update,
)

FIELDS = ("name", "priority", "filter", "method", "is_active")
if TYPE_CHECKING:
    Inline = admin.TabularInline[AllocationTarget, AllocationRule]
else:
    Inline = admin.TabularInline


class AllocationTargetInline(Inline):
    model = AllocationTarget
    fields = ("folder", "product", "share")
    autocomplete_fields = ("folder", "product")
    extra = 2


@admin.register(AllocationRule)
class AllocationRuleAdmin(OwnedAdmin):
    list_display = ("name", "tenant", "priority", "filter", "method", "is_active")
    list_filter = ("method", "is_active")
    search_fields = ("name", "=tenant__slug")
    autocomplete_fields = ("tenant",)
    fields = ("tenant", *FIELDS)
    inlines = (AllocationTargetInline,)

    def save_model(
        self, request: HttpRequest, obj: AllocationRule, form: "ModelForm[Any]", change: bool
    ) -> None:
        """Nothing yet: a rule is written with its targets."""

    def save_related(
        self, request: HttpRequest, form: "ModelForm[Any]", formsets: Sequence[Any], change: bool
    ) -> None:
        rule, by = form.instance, caller(request, form.instance.tenant)
        rows = [row for formset in formsets for row in formset.cleaned_data if row and not row["DELETE"]]
        targets = [
            {
                "folder_id": row["folder"] and row["folder"].pk,
                "product_id": row["product"] and row["product"].pk,
                "share": row["share"],
            }
            for row in rows
        ]
        for formset in formsets:
            formset.save(commit=False)  # which the log of changes reads
        if change:
            allocation_rule_update(by=by, rule=rule, changes={**self.named(form), "targets": targets})
            return
        given = {name: getattr(rule, name) for name in FIELDS}
        rule.pk = allocation_rule_create(by=by, tenant=rule.tenant, targets=targets, **given).pk

    def delete_model(self, request: HttpRequest, obj: AllocationRule) -> None:
        allocation_rule_delete(by=caller(request, obj.tenant), rule=obj)
