"""What could be saved or put right: the list with its totals, and one with its evidence and its answers."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.errors import AppError, NotFound
from accounts.models import Scope
from accounts.pages.filters import pointer
from accounts.pages.gate import show, tenant_page
from accounts.principals import SHARED, Principal
from accounts.queries import activity_last
from inventory.models import RealisedSaving, Recommendation, RecommendationRun
from inventory.queries.owners import resource_properties
from inventory.queries.recommendations import (
    ALL,
    about_resources,
    counted,
    counted_ids,
    of_status,
    others_of,
    realised_totals,
    totals_of,
)
from inventory.rules import RULES
from inventory.services.recommendations import (
    MOVES,
    recommendation_dismiss,
    recommendation_done,
    recommendation_reopen,
    recommendation_snooze,
)
from inventory.services.recommending import recommendations_request

LISTED: Final = 50
EXAMPLES: Final = ("tag:env = prod", 'provider = aws and region ^= "eu-"', "product = Shops/Cart")
PLAIN: Final = ("priority", "risk", "rule")
USUAL_REST: Final = timedelta(days=30)
Rows = QuerySet[Recommendation]
Status = Recommendation.Status


class AskForm(forms.Form):
    status = forms.ChoiceField(choices=[*Status.choices, (ALL, "Any")], required=False)
    priority = forms.ChoiceField(choices=[("", "Any"), *Recommendation.Priority.choices], required=False)
    risk = forms.ChoiceField(choices=[("", "Any"), *Recommendation.Level.choices], required=False)
    rule = forms.ChoiceField(
        choices=[("", "Any"), *((rule.key, rule.title) for rule in RULES.values())], required=False
    )
    least = forms.DecimalField(
        label="Saves at least", min_value=0, max_digits=20, decimal_places=6, required=False
    )

    def narrowed(self, rows: Rows) -> Rows:
        given = self.cleaned_data
        rows = rows.filter(**{name: given[name] for name in PLAIN if given[name]})
        if given["least"] is not None:
            rows = rows.filter(saving_monthly__gte=given["least"])
        return of_status(rows, given["status"] or Status.OPEN)


class SayForm(forms.Form):
    reason = forms.CharField(label="Because", max_length=2000)
    until = forms.DateField(
        label="Put off until", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def moment(self) -> datetime:
        """When the day begins for whoever says so. Errors: ValidationFailed from the verb for a bad one."""
        day = self.cleaned_data["until"]
        return timezone.make_aware(datetime.combine(day, time.min)) if day else timezone.now()


class Row(NamedTuple):
    """`counts`: the totals hold its saving."""

    row: Recommendation
    title: str
    counts: bool


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(SHARED)
def recommendations(request: HttpRequest, principal: Principal) -> HttpResponse:
    """Those that are asked for, the largest saving first; a POST has all computed anew."""
    if request.method != "POST":
        return _list(request, principal)
    principal.require(Scope.WRITE)
    try:
        run = recommendations_request(by=principal, tenant=principal.home)
    except AppError as error:
        return _list(request, principal, error)
    is_running = run.state == RecommendationRun.State.RUNNING
    messages.success(request, "They are being computed." if is_running else "They are computed anew.")
    return redirect(request.get_full_path())


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(SHARED)
def recommendation(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """One with its evidence; a POST says in `do` what becomes of it."""
    found = Recommendation.objects.for_tenant(principal.home).filter(pk=pk)
    row = found.select_related("tenant", "resource").first()
    if row is None:
        raise NotFound("There is no such recommendation in this tenant.")
    if request.method != "POST":
        return _page(request, principal, row, SayForm(initial=_usual()))
    principal.require(Scope.WRITE)
    form, verb = SayForm(request.POST), VERBS.get(request.POST.get("do", ""))
    if verb is None or not form.is_valid():
        return _page(request, principal, row, form, status=400)
    try:
        said = verb(by=principal, row=row, reason=form.cleaned_data["reason"], form=form)
    except AppError as error:
        return _page(request, principal, found.select_related("tenant", "resource").get(), form, error)
    messages.success(request, f"It is {said.status_now} now.")
    return redirect("console:recommendation", pk)


def _snooze(*, form: SayForm, **given: Any) -> Recommendation:
    return recommendation_snooze(until=form.moment(), **given)


def _plain(verb: Callable[..., Recommendation]) -> Callable[..., Recommendation]:
    return lambda *, form, **given: verb(**given)


VERBS: Final[dict[str, Callable[..., Recommendation]]] = {
    "snooze": _snooze,
    "dismiss": _plain(recommendation_dismiss),
    "done": _plain(recommendation_done),
    "reopen": _plain(recommendation_reopen),
}


def _list(request: HttpRequest, principal: Principal, error: AppError | None = None) -> HttpResponse:
    tenant = principal.home
    form = AskForm({"status": Status.OPEN, **request.GET.dict()})
    asked = {"filter": request.GET.get("filter", "")[:2000].replace("\x00", "").strip()}
    wrong: AppError | None = None
    context: dict[str, Any] = {"live_since": activity_last(tenant)}  # before anything is read
    try:
        rows: Rows = Recommendation.objects.for_tenant(tenant)
        if asked["filter"]:
            rows = about_resources(rows, tenant, asked["filter"])
        if form.is_valid():
            context |= _found(request, form.narrowed(rows), form.cleaned_data["status"])
    except AppError as refused:
        wrong = refused
    told = error or wrong
    return show(
        request,
        "inventory/recommendations.html",
        principal,
        status=told.status if told else 400 if form.errors else 200,
        form=form,
        asked=asked,
        refused=error,
        error=wrong,
        pointer=pointer(wrong) if wrong else None,
        properties=sorted(resource_properties(tenant)),
        examples=EXAMPLES,
        narrowed=any(request.GET.get(name) for name in (*AskForm.base_fields, "filter")),
        realised=realised_totals(tenant),
        run=RecommendationRun.objects.for_tenant(tenant).first(),
        titles={key: rule.title for key, rule in RULES.items()},
        may_write=principal.allows(Scope.WRITE),
        may_read=principal.allows(Scope.READ),
        **context,
    )


def _found(request: HttpRequest, rows: Rows, status: str) -> dict[str, Any]:
    """A page of them, and what all of them save, which is only asked of open ones."""
    is_open = status in ("", Status.OPEN)
    listed = rows.select_related("resource").order_by("-saving_monthly", "-pk")
    page = Paginator(listed, LISTED).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    about = {row.resource_id for row in shown if row.resource_id}
    counting = (
        set(counted(rows.filter(resource__in=about)).values_list("pk", flat=True)) if is_open else set()
    )
    return {
        "page": page,
        "rows": [Row(row, _title(row), row.pk in counting) for row in shown],
        "totals": totals_of(rows) if is_open else [],
        "is_open": is_open,
    }


def _page(
    request: HttpRequest,
    principal: Principal,
    row: Recommendation,
    form: SayForm,
    error: AppError | None = None,
    status: int = 200,
) -> HttpResponse:
    evidence = {**row.evidence}
    limits = evidence.pop("thresholds", {})
    return show(
        request,
        "inventory/recommendation.html",
        principal,
        status=error.status if error else status,
        row=row,
        title=_title(row),
        counts=row.pk in counted_ids(principal.home, [row.resource_id]),
        facts=_flat(evidence),
        limits=limits,
        others=[Row(other, _title(other), False) for other in others_of(row)],
        realised=RealisedSaving.objects.for_tenant(principal.home)
        .filter(recommendation=row)
        .order_by("days"),
        moves={name for name, before in MOVES.items() if row.status_now in before},
        form=form,
        error=error,
        may_write=principal.allows(Scope.WRITE),
    )


def _title(row: Recommendation) -> str:
    """What the rule is called; one that automation made is called by its type."""
    return RULES[row.rule].title if row.rule in RULES else row.recommendation_type.capitalize()


def _flat(evidence: dict[str, Any]) -> list[tuple[str, Any]]:
    """What is measured stands among the rest, not in a group of its own."""
    found: list[tuple[str, Any]] = []
    for name, value in evidence.items():
        found += value.items() if isinstance(value, dict) else [(name, value)]
    return found


def _usual() -> dict[str, Any]:
    return {"until": timezone.localdate() + USUAL_REST}
