"""The filter by tenant: a name to write, as a list of all tenants would fill the page."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.models import Tenant


class TenantFilter(admin.SimpleListFilter):
    title = parameter_name = "tenant"
    template = "admin/accounts/tenant_filter.html"

    def lookups(self, request: HttpRequest, page: Any) -> list[tuple[str, str]]:
        return []

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterator[Any]:
        """What else the list is filtered by, for the form to say again."""
        given = changelist.filter_params.items()
        others = [(key, value) for key, values in given for value in values if key != self.parameter_name]
        everybody = changelist.get_query_string(remove=[self.parameter_name])
        yield {"others": others, "value": self.value() or "", "everybody": everybody}

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return rows
        tenant = Tenant.objects.filter(slug=self.value()).first()
        return rows.filter(tenant=tenant) if tenant else rows.none()


def has_tenant(model: type[Model]) -> bool:
    """Whether each row of a model is a tenant's."""
    return any(field.name == "tenant" for field in model._meta.fields)
