"""What the pages of the back office are built on."""

from typing import Any, ClassVar, Final

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property

from accounts.admin.asking import delete_chosen
from accounts.admin.desk import Page, Table
from accounts.admin.exporting import export_csv, export_xlsx
from accounts.admin.filters import TenantFilter, has_tenant
from accounts.errors import AppError

COUNTED: Final = 10_000  # rows of a list that may be very long


class OfficeAdmin(Page):
    """A list of the back office; what it does to rows asks for the permission to change or to delete them."""

    list_per_page = 50

    def __init__(self, model: type[Any], site: admin.AdminSite) -> None:
        super().__init__(model, site)
        self.actions = (*(self.actions or ()), export_csv, export_xlsx, delete_chosen)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        chosen = [filter for filter in super().get_list_filter(request) if filter != "tenant"]
        return [TenantFilter, *chosen] if has_tenant(self.model) else chosen

    def has_handle_permission(self, request: HttpRequest) -> bool:
        return self._permitted(request, "change")

    def has_end_permission(self, request: HttpRequest) -> bool:
        return self._permitted(request, "delete")

    def _permitted(self, request: HttpRequest, verb: str) -> bool:
        """Whatever a page lets people do with its own forms."""
        return request.user.has_perm(f"{self.opts.app_label}.{verb}_{self.opts.model_name}")


class ServiceAdmin(OfficeAdmin):
    """Writes by services: a refusal of theirs is a message, and nothing is written."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except AppError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def changed(self, form: "ModelForm[Any]") -> dict[str, Any]:
        return {name: form.cleaned_data[name] for name in form.changed_data}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What a ledger rests on is never deleted, only ended."""
        return False


class ReadOnlyAdmin(OfficeAdmin):
    """For what is written by the platform alone."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Deleting(OfficeAdmin):
    """What no figure rests on is deleted, by the verb that `delete_model` calls."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_end_permission(request)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().delete_view(request, *args, **kwargs)
        except AppError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect("../change/")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What hangs on it goes with it, though nobody may delete that alone."""
        deleted, counts, _, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), protected


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts and pages through the first COUNTED rows, so that a list opens at once however long it is."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:COUNTED].count())


class LedgerAdmin(ReadOnlyAdmin):
    """Rows that may be many millions: nothing here counts them all."""

    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    ordering = ("-id",)  # the order of arrival, which the primary key's own index serves
    list_select_related: ClassVar[tuple[str, ...]] = ("tenant",)


class Rows(Table):
    """Rows of another one's page that nobody changes there."""

    extra = 0
    max_num = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
