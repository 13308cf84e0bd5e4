"""Meters."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin.base import Deleting, ServiceAdmin
from accounts.admin.desk import caller
from usage.models import Meter
from usage.services.meters import meter_create, meter_delete, meter_update


@admin.register(Meter)
class MeterAdmin(Deleting, ServiceAdmin):
    """A meter is a question; no figure rests on it."""

    list_display = ("slug", "tenant", "name", "aggregation", "value", "filter", "unit", "is_active")
    list_filter = ("aggregation", "is_active")
    list_select_related = ("tenant",)
    search_fields = ("slug", "name", "tenant__slug")
    autocomplete_fields = ("tenant",)
    fields = (
        "tenant", "slug", "name", "description", "filter", "value", "aggregation", "percentile", "unit",
        "is_active", "created_at", "updated_at",
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The slug is in the clients' queries: it is chosen once."""
        return ("created_at", "updated_at", *(("tenant", "slug") if obj else ()))

    def save_model(self, request: HttpRequest, obj: Meter, form: "ModelForm[Any]", change: bool) -> None:
        by = caller(request, obj.tenant)
        if change:
            meter_update(by=by, meter=obj, changes=self.changed(form))
        else:
            obj.pk = meter_create(by=by, **form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: Meter) -> None:
        meter_delete(by=caller(request, obj.tenant), meter=obj)
