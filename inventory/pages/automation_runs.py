"""One run of a rule: what it plans to do to each resource and why, who approves it, and what became of it."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.errors import AppError, NotFound, ValidationFailed
from accounts.models import Scope
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from accounts.queries import activity_last
from inventory.models import AutomationRun, AutomationTarget
from inventory.pages.automation import action_told
from inventory.services.automation_runs import approval_refusal, run_approve, run_reject, run_undo

LISTED: Final = 100
State = AutomationRun.State


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page()
def one_run(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """The plan or its outcome; a POST says in `do` whether it is approved, rejected or taken back."""
    run = _run(principal, pk)
    if request.method != "POST":
        return _page(request, principal, run)
    principal.require(Scope.ADMIN)
    verb = VERBS.get(request.POST.get("do", ""))
    if verb is None:
        raise ValidationFailed("This page does not know what to do.")
    try:
        return verb(request, principal, run)
    except AppError as error:
        return _page(request, principal, _run(principal, pk), error)


def _approve(request: HttpRequest, principal: Principal, run: AutomationRun) -> HttpResponse:
    run_approve(by=principal, run=run, hash=request.POST.get("hash", ""))
    messages.success(request, "The plan is approved. It happens as it stands here.")
    return redirect("console:automation-run", run.pk)


def _reject(request: HttpRequest, principal: Principal, run: AutomationRun) -> HttpResponse:
    run_reject(by=principal, run=run, reason=request.POST.get("reason", ""))
    messages.success(request, "The plan is rejected. Nothing of it happens.")
    return redirect("console:automation-run", run.pk)


def _undo(request: HttpRequest, principal: Principal, run: AutomationRun) -> HttpResponse:
    undo = run_undo(by=principal, run=run)
    messages.success(request, "This run takes it back, where all is still as it left it.")
    return redirect("console:automation-run", undo.pk)


VERBS: Final[dict[str, Callable[[HttpRequest, Principal, AutomationRun], HttpResponse]]] = {
    "approve": _approve,
    "reject": _reject,
    "undo": _undo,
}


def _page(
    request: HttpRequest, principal: Principal, run: AutomationRun, error: AppError | None = None
) -> HttpResponse:
    live_since = activity_last(principal.home)  # before anything is read
    targets = AutomationTarget.objects.for_tenant(principal.home).filter(run=run)
    page = Paginator(targets.order_by("position"), LISTED).get_page(request.GET.get("page"))
    may_decide = principal.allows(Scope.ADMIN)
    is_done = targets.filter(state=AutomationTarget.State.DONE, inverse__isnull=False).exists()
    undone_by = AutomationRun.objects.for_tenant(principal.home).filter(undoes=run).first()
    context: dict[str, Any] = {
        "page": page,
        "rows": [(target, action_told(target.action)) for target in page.object_list],
        "counts": dict(Counter(targets.order_by().values_list("state", flat=True))),
        "undone_by": undone_by,
        "refusal": approval_refusal(principal, run),
        "may_undo": may_decide and is_done and run.state == State.COMPLETED
        and run.undoes_id is None and undone_by is None,
    }  # fmt: skip
    return show(
        request,
        "inventory/automation_run.html",
        principal,
        status=error.status if error else 200,
        run=run,
        error=error,
        may_decide=may_decide,
        live_since=live_since,
        **context,
    )


def _run(principal: Principal, pk: UUID) -> AutomationRun:
    runs = AutomationRun.objects.for_tenant(principal.home).select_related("rule__tenant", "tenant", "undoes")
    found: AutomationRun | None = runs.filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such run in this tenant.")
    return found
