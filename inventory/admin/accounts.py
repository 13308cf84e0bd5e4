"""Cloud accounts."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin.base import Deleting, ServiceAdmin
from accounts.admin.desk import caller
from inventory.models import CloudAccount
from inventory.services.accounts import cloud_account_create, cloud_account_delete, cloud_account_update


@admin.register(CloudAccount)
class CloudAccountAdmin(Deleting, ServiceAdmin):
    """One that a resource or a cost names is not deleted; the service says so."""

    list_display = ("provider", "account_id", "name", "tenant", "is_active", "created_at")
    list_filter = ("is_active", "provider")
    list_select_related = ("tenant",)
    search_fields = ("=account_id", "name", "=tenant__slug")
    autocomplete_fields = ("tenant",)
    fields = ("tenant", "provider", "account_id", "name", "is_active", "created_at", "updated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Rows find their account by the provider's own id."""
        return ("created_at", "updated_at", *(("tenant", "provider", "account_id") if obj else ()))

    def save_model(
        self, request: HttpRequest, obj: CloudAccount, form: "ModelForm[Any]", change: bool
    ) -> None:
        by = caller(request, obj.tenant)
        if change:
            cloud_account_update(by=by, account=obj, changes=self.changed(form))
        else:
            obj.pk = cloud_account_create(by=by, **form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: CloudAccount) -> None:
        cloud_account_delete(by=caller(request, obj.tenant), account=obj)
