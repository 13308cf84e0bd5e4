"""Webhooks: the list, a new one with its secret shown once, and one with its messages and their fate."""

import re
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import AppError, NotFound
from accounts.models import Delivery, Scope, Webhook
from accounts.pages.gate import show, tenant_page, wants_part
from accounts.pages.paging import newest
from accounts.principals import Principal
from accounts.services.webhooks import (
    MOST,
    delivery_redeliver,
    webhook_create,
    webhook_delete,
    webhook_rotate_secret,
    webhook_test,
    webhook_update,
)

SHOWN: Final = 25  # deliveries


class WebhookForm(forms.Form):
    url = forms.CharField(
        label="URL", max_length=2048, help_text="https, port 443 or 8443, on the public internet."
    )
    events = forms.CharField(
        label="What it is told",
        max_length=4000,
        initial="*",
        help_text="Types such as build.completed, build.*, or * for everything; commas between them.",
    )
    description = forms.CharField(max_length=255, required=False)

    def clean_events(self) -> list[str]:
        return [type for type in re.split(r"[\s,;]+", self.cleaned_data["events"]) if type]


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.ADMIN)
def webhooks(request: HttpRequest, principal: Principal) -> HttpResponse:
    """The list; a POST makes a webhook and shows its secret."""
    form, error = WebhookForm(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        try:
            made = webhook_create(by=principal, tenant=principal.home, **form.cleaned_data)
            return _shown_once(request, principal, *made)
        except AppError as refused:
            error = refused
    return show(
        request,
        "accounts/webhooks.html",
        principal,
        status=error.status if error else 400 if form.errors else 200,
        form=form,
        error=error,
        webhooks=Webhook.objects.for_tenant(principal.home).order_by("-created_at")[:MOST],
        most=MOST,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(Scope.ADMIN)
def one_webhook(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """One webhook; a POST says in `do` what to do with it. htmx asks for the messages alone."""
    found = _webhook(principal, pk)
    verb = VERBS.get(request.POST.get("do", ""), _save)
    if request.method != "POST":
        return _page(request, principal, found)
    try:
        return verb(request, principal, found)
    except AppError as error:
        return _page(request, principal, found, error)


@require_POST
@tenant_page(Scope.ADMIN)
def delivery_retry(request: HttpRequest, principal: Principal, pk: UUID, delivery: UUID) -> HttpResponse:
    found = _webhook(principal, pk)
    message = _deliveries(found).filter(pk=delivery).select_related("webhook", "tenant").first()
    if message is None:
        raise NotFound("There is no such message of this webhook.")
    try:
        delivery_redeliver(by=principal, delivery=message)
    except AppError as error:
        return _page(request, principal, found, error)
    messages.success(request, "The message is sent once more.")
    return redirect("console:webhook", pk)


def _save(request: HttpRequest, principal: Principal, found: Webhook) -> HttpResponse:
    form = WebhookForm(request.POST)
    if not form.is_valid():
        return _page(request, principal, found, form=form)
    webhook_update(by=principal, webhook=found, changes=form.cleaned_data)
    messages.success(request, "The webhook is saved.")
    return redirect("console:webhook", found.pk)


def _pause(request: HttpRequest, principal: Principal, found: Webhook) -> HttpResponse:
    changed = webhook_update(by=principal, webhook=found, changes={"is_active": not found.is_active})
    messages.success(request, "The webhook is active." if changed.is_active else "The webhook is paused.")
    return redirect("console:webhook", found.pk)


def _test(request: HttpRequest, principal: Principal, found: Webhook) -> HttpResponse:
    webhook_test(by=principal, webhook=found)
    messages.success(request, "A test message is on its way.")
    return redirect("console:webhook", found.pk)


def _rotate(request: HttpRequest, principal: Principal, found: Webhook) -> HttpResponse:
    return _shown_once(request, principal, *webhook_rotate_secret(by=principal, webhook=found))


def _delete(request: HttpRequest, principal: Principal, found: Webhook) -> HttpResponse:
    webhook_delete(by=principal, webhook=found)
    messages.success(request, f"The webhook {found} is deleted.")
    return redirect("console:webhooks")


VERBS: Final[dict[str, Callable[[HttpRequest, Principal, Webhook], HttpResponse]]] = {
    "pause": _pause,
    "test": _test,
    "rotate": _rotate,
    "delete": _delete,
}


def _shown_once(request: HttpRequest, principal: Principal, webhook: Webhook, secret: str) -> HttpResponse:
    """Answered to the POST itself: the secret is neither stored in the session nor in an address."""
    return show(request, "accounts/webhook_secret.html", principal, webhook=webhook, secret=secret)


def _page(
    request: HttpRequest,
    principal: Principal,
    found: Webhook,
    error: AppError | None = None,
    form: WebhookForm | None = None,
) -> HttpResponse:
    page = newest(_deliveries(found), request, SHOWN)
    initial: dict[str, Any] = {
        "url": found.url, "events": ", ".join(found.events), "description": found.description
    }  # fmt: skip
    return show(
        request,
        "accounts/deliveries.html" if wants_part(request) else "accounts/webhook.html",
        principal,
        status=error.status if error else 400 if form else 200,
        webhook=found,
        form=form or WebhookForm(initial=initial),
        error=error,
        page=page,
        on_the_way=any(
            message.state == Delivery.State.PENDING and not message.attempts for message in page.rows
        ),
    )


def _webhook(principal: Principal, pk: UUID) -> Webhook:
    found = Webhook.objects.for_tenant(principal.home).select_related("tenant").filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such webhook in this tenant.")
    return found  # type: ignore[no-any-return]


def _deliveries(webhook: Webhook) -> QuerySet[Delivery]:
    rows: QuerySet[Delivery] = Delivery.objects.for_tenant(webhook.tenant).filter(webhook=webhook)
    return rows
