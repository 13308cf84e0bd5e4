"""The list of events, and one event."""

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.errors import NotFound
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from usage.models import UsageEvent
from usage.overview import midnight
from usage.queries.events import UsagePage, Window, usage_page
from usage.service_types import SERVICE_TYPES

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
    part = request.htmx and not request.htmx.history_restore_request  # type: ignore[attr-defined]
    return show(
        request,
        "usage/event_rows.html" if part else "usage/events.html",
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
    found = UsageEvent.objects.for_tenant(principal.home).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such event in this tenant.")
    return show(request, "usage/event.html", principal, event=found, metrics=list(found.metrics.items()))


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
