"""What was set aside: the list, and one letter to mend and replay, or to dismiss."""

from typing import Any, Final

import msgspec
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.errors import AppError, NotFound, ValidationFailed
from accounts.models import Scope
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from accounts.wire import decode, encode
from usage.models import DeadLetter
from usage.queries.letters import event_in, letters_page
from usage.services.letters import dead_letter_dismiss, dead_letter_replay

PAGE: Final = 50
CHOICES: Final = [("", "All")]


class LetterFilter(forms.Form):
    kind = forms.ChoiceField(choices=CHOICES + DeadLetter.Kind.choices, required=False)
    status = forms.ChoiceField(
        choices=[*CHOICES, ("dead", "Open"), ("replayed", "Replayed"), ("dismissed", "Dismissed")],
        required=False,
    )


@require_safe
@tenant_page()
def letters(request: HttpRequest, principal: Principal) -> HttpResponse:
    """The newest first; open ones unless another status is asked for."""
    form = LetterFilter(request.GET or {"status": DeadLetter.Status.DEAD})
    chosen = form.cleaned_data if form.is_valid() else {}
    page = letters_page(
        tenant=principal.home,
        filters={name: value for name, value in chosen.items() if value},
        limit=PAGE,
        cursor=request.GET.get("cursor"),
    )
    following = request.GET.copy()
    following["cursor"] = page.next_cursor or ""
    return show(
        request, "usage/letters.html", principal, form=form, page=page, following=following.urlencode()
    )


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page()
def letter(request: HttpRequest, principal: Principal, pk: int) -> HttpResponse:
    """One letter; posting its event, mended or not, replays it."""
    found = _letter(principal, pk)
    if request.method != "POST":
        return _page(request, principal, found)
    principal.require(Scope.WRITE)
    try:
        dead_letter_replay(by=principal, letter=found, event=read_event(request.POST.get("event", "")))
    except AppError as error:
        return _page(request, principal, found, error=error)
    messages.success(request, "The event is stored.")
    return redirect("console:letter", pk)


@require_POST
@tenant_page(Scope.WRITE)
def letter_dismiss(request: HttpRequest, principal: Principal, pk: int) -> HttpResponse:
    found = _letter(principal, pk)
    try:
        reason = request.POST.get("reason", "").strip()[:2000]
        if not reason:
            raise ValidationFailed("Say why.")
        dead_letter_dismiss(by=principal, letter=found, reason=reason)
    except AppError as error:
        return _page(request, principal, found, error=error)
    messages.success(request, "The letter is dismissed.")
    return redirect("console:set-aside")


def read_event(text: str) -> dict[str, Any]:
    """The JSON object that somebody wrote into a form."""
    found = decode(text.encode())
    if not isinstance(found, dict):
        raise ValidationFailed("An event is a JSON object.")
    return found


def as_text(document: Any) -> str:
    """JSON to edit: indented, every number as it is."""
    return msgspec.json.format(encode(document), indent=2).decode()


def _page(
    request: HttpRequest, principal: Principal, found: DeadLetter, error: AppError | None = None
) -> HttpResponse:
    found.refresh_from_db()
    held = event_in(found)
    draft = request.POST.get("event") or (as_text(held) if held else "")
    return show(
        request,
        "usage/letter.html",
        principal,
        status=error.status if error else 200,
        letter=found,
        draft=draft,
        mended=as_text(found.mended) if found.mended else "",
        error=error,
        may_write=principal.allows(Scope.WRITE) and found.status == DeadLetter.Status.DEAD,
    )


def _letter(principal: Principal, pk: int) -> DeadLetter:
    found = DeadLetter.objects.for_tenant(principal.home).select_related("tenant").filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such letter in this tenant.")
    return found  # type: ignore[no-any-return]
