"""What the pages of the back office are built on."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import cached_property

from accounts.errors import AppError
from accounts.models import Tenant, User
from accounts.principals import Principal, user_principal

MOST = 100  # rows of one confirmed action
COUNTED = 10_000  # rows of a list that may be very long

if TYPE_CHECKING:
    Page = admin.ModelAdmin[Any]
else:
    Page = admin.ModelAdmin


def caller(request: HttpRequest, tenant: Tenant | None = None) -> Principal:
    """Whoever sits at the back office, as the services know them."""
    assert isinstance(request.user, User)  # noqa: S101  (the admin site lets nobody else in)
    principal = user_principal(request.user)
    return principal if tenant is None else principal.enter(str(tenant.pk))


class ServiceAdmin(Page):
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


class ReadOnlyAdmin(Page):
    """For what is written by the platform alone."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts and pages through the first COUNTED rows, so that a list opens at once however long it is."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:COUNTED].count())


class LedgerAdmin(ReadOnlyAdmin):
    """Rows that may be many millions: nothing here counts them all."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    ordering = ("-id",)  # the order of arrival, which the primary key's own index serves
    list_select_related: ClassVar[tuple[str, ...]] = ("tenant",)


def confirmed(
    page: Page,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    action: str,
    title: str,
    verb: Callable[[Any], object],
) -> HttpResponse | None:
    """Ask, and on "yes" do `verb` to each row; all of them or none."""
    chosen = asked(page, request, rows, action=action, title=title)
    if not isinstance(chosen, list):
        return chosen
    try:
        with transaction.atomic():
            for row in chosen:
                verb(row)
    except AppError as error:
        page.message_user(request, f"Nothing was done. {error.message}", messages.ERROR)
    else:
        page.message_user(request, f"{title}: done.", messages.SUCCESS)
    return None


def asked(
    page: Page,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    action: str,
    title: str,
    ready: bool = True,
    template: str = "admin/accounts/confirm.html",
    **context: Any,
) -> list[Any] | HttpResponse | None:
    """The rows once somebody said "yes" and all is `ready`, else the question; None: they are too many."""
    chosen = list(rows[: MOST + 1])
    if len(chosen) > MOST:
        page.message_user(request, f"Choose at most {MOST} at a time.", messages.ERROR)
        return None
    if request.POST.get("confirmed") == "yes" and ready:
        return chosen
    shown = {
        **page.admin_site.each_context(request),
        "title": title,
        "rows": chosen,
        "action": action,
        "opts": page.opts,
        "checkbox": ACTION_CHECKBOX_NAME,
        **context,
    }
    return TemplateResponse(request, template, shown)
