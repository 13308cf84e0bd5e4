"""Folders, products and who may see them."""

from typing import Any, ClassVar

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin.base import Deleting, LedgerAdmin, ServiceAdmin
from accounts.admin.desk import caller
from inventory.models import Folder, FolderPermission, Product, ProductCharge, ProductResource
from inventory.services.folder_permissions import (
    folder_permission_change,
    folder_permission_grant,
    folder_permission_revoke,
)
from inventory.services.folders import folder_create, folder_delete, folder_update
from inventory.services.products import product_create, product_delete, product_update


class OwnedAdmin(Deleting, ServiceAdmin):
    """`tenant` is chosen once."""

    list_select_related: ClassVar[tuple[str, ...]] = ("tenant",)
    fixed: ClassVar[tuple[str, ...]] = ("tenant",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fixed if obj else ()

    def named(self, form: "ModelForm[Any]") -> dict[str, Any]:
        """What was changed, with references as ids."""
        columns = {name: self.opts.get_field(name) for name in form.changed_data}
        return {
            getattr(column, "attname", name): getattr(form.instance, getattr(column, "attname", name))
            for name, column in columns.items()
        }


@admin.register(Folder)
class FolderAdmin(OwnedAdmin):
    list_display = ("name", "tenant", "parent", "owner", "creator", "created_at")
    list_select_related = ("tenant", "parent")
    search_fields = ("name", "=tenant__slug")
    autocomplete_fields = ("tenant", "parent")
    fields = ("tenant", "parent", "name", "description", "owner")

    def save_model(self, request: HttpRequest, obj: Folder, form: "ModelForm[Any]", change: bool) -> None:
        by = caller(request, obj.tenant)
        if change:
            folder_update(by=by, folder=obj, changes=self.named(form))
            return
        given = {name: getattr(obj, name) for name in ("parent_id", "name", "description", "owner")}
        obj.pk = folder_create(by=by, tenant=obj.tenant, **given).pk

    def delete_model(self, request: HttpRequest, obj: Folder) -> None:
        folder_delete(by=caller(request, obj.tenant), folder=obj)


@admin.register(Product)
class ProductAdmin(OwnedAdmin):
    list_display = ("name", "tenant", "folder", "resource_filter", "cost_filter", "owner", "created_at")
    list_select_related = ("tenant", "folder")
    search_fields = ("name", "=tenant__slug")
    autocomplete_fields = ("tenant", "folder")
    fields = ("tenant", "folder", "name", "description", "owner", "resource_filter", "cost_filter")

    def save_model(self, request: HttpRequest, obj: Product, form: "ModelForm[Any]", change: bool) -> None:
        by = caller(request, obj.tenant)
        if change:
            product_update(by=by, product=obj, changes=self.named(form))
            return
        names = ("folder_id", "name", "description", "owner", "resource_filter", "cost_filter")
        given = {name: getattr(obj, name) for name in names}
        obj.pk = product_create(by=by, tenant=obj.tenant, **given).pk

    def delete_model(self, request: HttpRequest, obj: Product) -> None:
        product_delete(by=caller(request, obj.tenant), product=obj)


@admin.register(FolderPermission)
class FolderPermissionAdmin(OwnedAdmin):
    list_display = ("email", "level", "folder", "tenant", "updated_at")
    list_filter = ("level",)
    list_select_related = ("tenant", "folder")
    search_fields = ("email", "folder__name", "=tenant__slug")
    autocomplete_fields = ("folder",)
    fields = ("folder", "email", "level")
    fixed = ("folder", "email")

    def save_model(
        self, request: HttpRequest, obj: FolderPermission, form: "ModelForm[Any]", change: bool
    ) -> None:
        by = caller(request, obj.folder.tenant)
        if change:
            folder_permission_change(by=by, permission=obj, level=obj.level)
        else:
            made = folder_permission_grant(by=by, folder=obj.folder, email=obj.email, level=obj.level)
            obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: FolderPermission) -> None:
        folder_permission_revoke(by=caller(request, obj.tenant), permission=obj)


@admin.register(ProductResource)
class ProductResourceAdmin(LedgerAdmin):
    list_display = ("resource", "product", "tenant")
    list_select_related = ("tenant", "product", "resource")
    search_fields = ("=resource__resource_id", "product__name", "=tenant__slug")


@admin.register(ProductCharge)
class ProductChargeAdmin(LedgerAdmin):
    list_display = ("charge", "product", "tenant")
    list_select_related = ("tenant", "product", "charge")
    search_fields = ("product__name", "=tenant__slug")
