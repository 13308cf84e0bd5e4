"""The closed months, and one of them to read or print."""

from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.errors import NotFound
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from usage.models import Statement
from usage.queries.statements import adjustments_of, statement_problems

MOST: Final = 240  # twenty years


@require_safe
@tenant_page()
def statements(request: HttpRequest, principal: Principal) -> HttpResponse:
    found = Statement.objects.for_tenant(principal.home).order_by("-month")[:MOST]
    return show(request, "usage/statements.html", principal, statements=found)


@require_safe
@tenant_page()
def statement(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """A statement with its adjustments; its digests are computed again for each reader."""
    found = Statement.objects.for_tenant(principal.home).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such statement in this tenant.")
    return show(
        request,
        "usage/statement.html",
        principal,
        statement=found,
        documents=[("", found), *((str(adjustment), adjustment) for adjustment in adjustments_of(found))],
        problems=statement_problems(found),
    )
