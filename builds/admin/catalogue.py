"""The catalogue. A row without a tenant is shared by all."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from accounts.admin.asking import confirmed
from accounts.admin.base import ReadOnlyAdmin, Rows, ServiceAdmin
from accounts.admin.desk import caller
from builds.models import ImageType, OsVersion, Platform, Project, StateCode, StateTemplate
from builds.services.catalogue import catalogue_create, catalogue_update


class CatalogueAdmin(ServiceAdmin):
    """Slugs are in the pipelines: they are chosen once."""

    own: tuple[str, ...] = ()
    list_filter = (("deactivated_at", admin.EmptyFieldListFilter),)
    list_select_related = ("tenant",)
    search_fields = ("slug", "name")
    autocomplete_fields = ("tenant",)
    actions = ("retire", "bring_back")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return ("slug", "name", *self.own, "tenant", "deactivated_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant", "slug", "name", *self.own)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant", "slug") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        by = caller(request)
        if change:
            catalogue_update(by=by, row=obj, changes=self.changed(form))
        else:
            given = dict(form.cleaned_data)
            tenant = given.pop("tenant")
            shared = tenant is None
            obj.pk = catalogue_create(by=by, tenant=tenant, model=type(obj), shared=shared, **given).pk

    @admin.action(description="Retire: no new build of it", permissions=["handle"])
    def retire(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return self._set_active(request, rows, "retire", "Retire these", is_active=False)

    @admin.action(description="Bring back", permissions=["handle"])
    def bring_back(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return self._set_active(request, rows, "bring_back", "Bring these back", is_active=True)

    def _set_active(
        self, request: HttpRequest, rows: QuerySet[Any], action: str, title: str, *, is_active: bool
    ) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action=action, title=title,
            verb=lambda row: catalogue_update(by=by, row=row, changes={"is_active": is_active}),
        )  # fmt: skip


@admin.register(Platform)
class PlatformAdmin(CatalogueAdmin):
    own = ("cloud_provider", "region")


@admin.register(OsVersion)
class OsVersionAdmin(CatalogueAdmin):
    own = ("version",)


@admin.register(ImageType)
class ImageTypeAdmin(CatalogueAdmin):
    own = ("description",)


class StateCodes(Rows):
    model = StateCode
    fields = readonly_fields = (
        "code", "phase", "name", "expected_min_minutes", "expected_max_minutes", "retry_max", "is_resumable",
        "is_blocking", "deactivated_at",
    )  # fmt: skip


@admin.register(StateTemplate)
class StateTemplateAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "tenant", "deactivated_at")
    list_select_related = ("tenant",)
    search_fields = ("slug", "name")
    inlines = [StateCodes]


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "tenant", "template", "requires_final_artifact", "deactivated_at")
    list_filter = (("deactivated_at", admin.EmptyFieldListFilter),)
    list_select_related = ("tenant", "template")
    search_fields = ("slug", "name")
