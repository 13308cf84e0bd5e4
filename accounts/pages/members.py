"""Who belongs to the tenant, for its admins."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.models import Membership, Scope
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal

MOST: Final = 500


@require_safe
@tenant_page(Scope.ADMIN)
def members(request: HttpRequest, principal: Principal) -> HttpResponse:
    rows = Membership.objects.for_tenant(principal.home).select_related("user").order_by("user__email")
    return show(request, "accounts/members.html", principal, members=rows[:MOST])
