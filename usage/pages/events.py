"""The list of events, and one event."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.digest import midnight
from accounts.errors import AppError, NotFound, ValidationFailed
from accounts.models import Scope
from accounts.pages.gate import show, tenant_page, wants_part
from accounts.principals import Principal
from usage.models import Correction, UsageEvent
from usage.pages.letters import as_text, read_event
from usage.queries.dispositions import event_disposition
from usage.queries.events import UsagePage, Window, usage_page
from usage.service_types import SERVICE_TYPES
from usage.services.corrections import AMENDABLE, event_amend, event_void

PAGE: Final = 50


class EventFilter(forms.Form):
    """Whole days in the viewer's time zone, both included."""

    service_type = forms.CharField(
        label="Service", max_length=50, required=False, widget=forms.TextInput(attrs={"list": "services"})
    )
    user_id = forms.CharField(label="User", max_length=255, required=False)
    first = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last and last < first:
            self.add_error("last", "The range ends before it begins.")
        return self.cleaned_data

    def filters(self) -> dict[str, str]:
        return {
            name: self.cleaned_data[name] for name in ("service_type", "user_id") if self.cleaned_data[name]
        }

    def window(self) -> Window:
        first, last = self.cleaned_data["first"], self.cleaned_data["last"]
        return Window(first and midnight(first), last and midnight(last + timedelta(days=1)))


@require_safe
@tenant_page()
def events(request: HttpRequest, principal: Principal) -> HttpResponse:
    """The newest events that match; htmx asks for the table alone."""
    form = EventFilter(request.GET or None)
    following = request.GET.copy()
    page = None
    if not form.is_bound or form.is_valid():
        page = _page(principal, form, request.GET.get("cursor"))
        following["cursor"] = page.next_cursor or ""
    return show(
        request,
        "usage/event_rows.html" if wants_part(request) else "usage/events.html",
        principal,
        form=form,
        page=page,
        following=following.urlencode(),
        filtered=any(request.GET.get(name) for name in form.fields),
        export=_export(principal, form) if page else "",
        services=sorted(SERVICE_TYPES),
    )


@require_safe
@tenant_page()
def event(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    return _event_page(request, principal, _event(principal, pk))


@require_POST
@tenant_page(Scope.WRITE)
def void(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    return _corrected(request, principal, pk, event_void)


@require_POST
@tenant_page(Scope.WRITE)
def amend(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    def verb(**given: Any) -> Correction:
        return event_amend(changes=read_event(request.POST.get("event", "")), **given)

    return _corrected(request, principal, pk, verb)


def _corrected(
    request: HttpRequest, principal: Principal, pk: UUID, verb: Callable[..., Correction]
) -> HttpResponse:
    """Correct the revision that the person saw, and show the one that is the last then."""
    seen = _event(principal, pk)
    try:
        reason = request.POST.get("reason", "").strip()[:2000]
        if not reason:
            raise ValidationFailed("Say why.")
        made = verb(by=principal, event_id=seen.event_id, reason=reason, expected_revision=seen.revision)
    except AppError as error:
        return _event_page(request, principal, seen, error)
    messages.success(request, f"The event is {made.kind}ed.")
    revisions = UsageEvent.objects.for_tenant(principal.home).filter(event_id=seen.event_id)
    return redirect("console:event", revisions.order_by("-revision")[0].pk)


def _event(principal: Principal, pk: UUID) -> UsageEvent:
    found = UsageEvent.objects.for_tenant(principal.home).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such event in this tenant.")
    return found  # type: ignore[no-any-return]


def _event_page(
    request: HttpRequest, principal: Principal, found: UsageEvent, error: AppError | None = None
) -> HttpResponse:
    fields = {name: getattr(found, name) for name in AMENDABLE}
    return show(
        request,
        "usage/event.html",
        principal,
        status=error.status if error else 200,
        event=found,
        metrics=list(found.metrics.items()),
        fate=event_disposition(tenant=principal.home, event_id=found.event_id),
        draft=request.POST.get("event") or as_text(fields),
        error=error,
        may_write=principal.allows(Scope.WRITE) and found.ended_at is None,
    )


def _page(principal: Principal, form: EventFilter, cursor: str | None) -> UsagePage:
    bound = form.is_bound
    return usage_page(
        tenant=principal.home,
        window=form.window() if bound else Window(),
        filters=form.filters() if bound else {},
        limit=PAGE,
        offset=0,
        cursor=cursor or None,
    )


def _export(principal: Principal, form: EventFilter) -> str:
    """The query of the export that holds the events of the filter."""
    window = form.window() if form.is_bound else Window()
    ends = {"start_date": window.start, "end_date": window.end}
    return urlencode(
        {
            "tenant_id": principal.home.slug,
            **(form.filters() if form.is_bound else {}),
            **{name: end.isoformat() for name, end in ends.items() if end},
        }
    )
