"""By what a tenant measures Gcore's features itself, and what the comparison found."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html_join

from accounts.admin.base import Deleting, ReadOnlyAdmin, ServiceAdmin
from accounts.admin.desk import caller
from gcore.models import FeatureMeter, Reconciliation
from gcore.services.feature_meters import feature_meter_create, feature_meter_delete, feature_meter_update


@admin.register(FeatureMeter)
class FeatureMeterAdmin(Deleting, ServiceAdmin):
    """A feature without one is measured by default: by the tenant's events of the provider gcore.

    No figure rests on one: a comparison is made anew each time.
    """

    list_display = ("feature_id", "tenant", "meter", "factor", "updated_at")
    list_select_related = ("tenant", "meter")
    search_fields = ("=feature_id", "tenant__slug", "meter__slug")
    autocomplete_fields = ("tenant", "meter")
    fields = ("tenant", "feature_id", "meter", "factor")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant", "feature_id") if obj else ()

    def save_model(
        self, request: HttpRequest, obj: FeatureMeter, form: "ModelForm[Any]", change: bool
    ) -> None:
        by = caller(request, obj.tenant)
        if change:
            feature_meter_update(by=by, rule=obj, changes=self.changed(form))
        else:
            obj.pk = feature_meter_create(by=by, **form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: FeatureMeter) -> None:
        feature_meter_delete(by=caller(request, obj.tenant), rule=obj)


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    list_display = ("month", "tenant", "starts_on", "ends_on", "counts", "problems", "checked_at")
    list_filter = (("month", admin.DateFieldListFilter),)
    list_select_related = ("tenant",)
    search_fields = ("tenant__slug",)
    ordering = ("-month", "-id")
    exclude = ("lines",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("figures",)

    @admin.display
    def figures(self, kept: Reconciliation) -> str:
        told = ("feature_id", "feature_name", "unit", "provider", "own", "percent", "status")
        rows = ([line[name] or "" for name in told] for line in kept.lines)
        return format_html_join("", "<p>{} {} ({}): Gcore {}, own {}, {} % {}</p>", rows)
