"""API keys of the tenant: the list, and a new, a rotated, a revoked one. A key's text is shown once."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import NotFound
from accounts.models import ApiKey, Scope
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from accounts.services.keys import DEFAULT_OVERLAP, api_key_create, api_key_rotate
from accounts.services.revocation import api_key_revoke

MOST: Final = 200
SCOPES: Final = (
    (Scope.INGEST, "ingest: send events only"),
    (Scope.BUILD, "build: report builds only"),
    (Scope.READ, "read: see everything"),
    (Scope.WRITE, "write: send and change"),
    (Scope.ADMIN, "admin: also manage keys and members"),
)
LIVES: Final = (("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"))
OVERLAPS: Final = ((0, "stops at once"), (3600, "works for an hour"), (DEFAULT_OVERLAP, "works for a day"))


class KeyForm(forms.Form):
    name = forms.CharField(max_length=255, help_text="Where it will be used, such as “billing job”.")
    scope = forms.ChoiceField(label="It may", choices=SCOPES, initial=Scope.WRITE)
    days = forms.TypedChoiceField(
        label="It expires", choices=LIVES, required=False, coerce=int, empty_value=None
    )

    def expires_at(self) -> datetime | None:
        days: int | None = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=days) if days else None


class RotationForm(forms.Form):
    overlap = forms.TypedChoiceField(
        label="The old key", choices=OVERLAPS, initial=DEFAULT_OVERLAP, coerce=int
    )


@require_http_methods(["GET", "POST"])
@tenant_page(Scope.ADMIN)
def keys(request: HttpRequest, principal: Principal) -> HttpResponse:
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        key, text = api_key_create(
            by=principal,
            tenant=principal.home,
            name=wanted["name"],
            scopes=[wanted["scope"]],
            expires_at=form.expires_at(),
        )
        return _shown_once(request, principal, key, text)
    rows = ApiKey.objects.for_tenant(principal.home).select_related("user")
    listed = rows.order_by(F("revoked_at").asc(nulls_first=True), "-created_at")[:MOST]
    return show(
        request,
        "accounts/keys.html",
        principal,
        keys=[(key, _state(key)) for key in listed],
        form=form,
        rotation=RotationForm(auto_id=False),
    )


@require_POST
@tenant_page(Scope.ADMIN)
def key_revoke(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    key = _key(principal, pk)
    api_key_revoke(by=principal, key=key)
    messages.success(request, f"The key “{key.name}” is revoked.")
    return redirect("console:keys")


@require_POST
@tenant_page(Scope.ADMIN)
def key_rotate(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    form = RotationForm(request.POST)
    overlap = form.cleaned_data["overlap"] if form.is_valid() else DEFAULT_OVERLAP
    key, text = api_key_rotate(by=principal, key=_key(principal, pk), overlap_seconds=overlap)
    return _shown_once(request, principal, key, text)


def _shown_once(request: HttpRequest, principal: Principal, key: ApiKey, text: str) -> HttpResponse:
    """Answered to the POST itself: the text is neither stored in the session nor in an address."""
    events_url = request.build_absolute_uri("/api/v1/events")
    return show(request, "accounts/key_created.html", principal, key=key, text=text, events_url=events_url)


def _key(principal: Principal, pk: UUID) -> ApiKey:
    found: ApiKey | None = ApiKey.objects.for_tenant(principal.home).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such key in this tenant.")
    return found


def _state(key: ApiKey) -> str:
    if key.is_active:
        return "active"
    return "expired" if key.revoked_at is None else "revoked"
