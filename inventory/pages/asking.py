"""What a person asks of an explorer: a filter in the bar or a saved view."""

from typing import Any, Final, NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from accounts.errors import NotFound, ValidationFailed
from accounts.models import Scope, Tenant
from accounts.pages.gate import tenant_page
from accounts.principals import Principal
from inventory.models import SavedView
from inventory.queries.dimensions import read_dimensions
from inventory.queries.views import saved_view
from inventory.services.views import saved_view_create, saved_view_delete, saved_view_update

SHOWN: Final = 100  # views
PAGES: Final = {"resources": "console:resources", "costs": "console:costs"}


class Question(NamedTuple):
    """`view` is the one that is open; its filter may have been changed in the bar since."""

    filter: str
    group_by: list[str]
    view: SavedView | None
    views: list[SavedView]


def question(request: HttpRequest, tenant: Tenant, kind: str) -> Question:
    """From the address: `view`, and `filter` and `group_by`, which go before the view's own."""
    named = request.GET.get("view")
    view = saved_view(tenant, kind, named) if named else None
    filter = request.GET.get("filter", view.filter if view else "")[:2000].replace("\x00", "")
    texts = request.GET.getlist("group_by") or ([view.group_by] if view else [])
    dimensions = [dimension.name for dimension in read_dimensions(texts)]
    views = SavedView.objects.for_tenant(tenant).filter(kind=kind).order_by("name")[:SHOWN]
    return Question(filter.strip(), dimensions, view, list(views))


@require_POST
@tenant_page(Scope.WRITE)
def views(request: HttpRequest, principal: Principal) -> HttpResponse:
    """Save, change or delete a view, as the button `do` says, and go on to the list that it is of."""
    given: dict[str, Any] = {
        "filter": request.POST.get("filter", ""), "group_by": ",".join(request.POST.getlist("group_by")),
    }  # fmt: skip
    kind = request.POST.get("kind", "")
    if kind not in PAGES:
        raise ValidationFailed.field("kind", "a view is of resources or of costs.")
    if request.POST.get("do") == "create":
        name = request.POST.get("name", "").replace("\x00", "").strip()
        if not name:
            raise ValidationFailed.field("name", "give the view a name.")
        view = saved_view_create(by=principal, tenant=principal.home, kind=kind, name=name[:255], **given)
        messages.success(request, f"The view {view.name} is saved. All of the tenant see it.")
        return _opened(view)
    view = _view(principal, request.POST.get("view", ""), kind)
    if request.POST.get("do") == "delete":
        saved_view_delete(by=principal, view=view)
        messages.success(request, f"The view {view.name} is deleted.")
        return redirect(PAGES[view.kind])
    messages.success(request, f"The view {view.name} is changed.")
    return _opened(saved_view_update(by=principal, view=view, changes=given))


def _view(principal: Principal, named: str, kind: str) -> SavedView:
    try:
        return saved_view(principal.home, kind, named)
    except ValidationFailed as error:
        raise NotFound("There is no such view in this tenant.") from error


def _opened(view: SavedView) -> HttpResponse:
    return redirect(f"{reverse(PAGES[view.kind])}?{urlencode({'view': str(view.pk)})}")
