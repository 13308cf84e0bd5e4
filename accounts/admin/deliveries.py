"""Webhooks, and the outbox to look at. A secret is in the answer to its making and nowhere else."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.admin.asking import confirmed
from accounts.admin.base import ReadOnlyAdmin, ServiceAdmin
from accounts.admin.desk import caller
from accounts.models import Delivery, Webhook
from accounts.services.webhooks import (
    delivery_redeliver,
    webhook_create,
    webhook_delete,
    webhook_test,
    webhook_update,
)


@admin.register(Webhook)
class WebhookAdmin(ServiceAdmin):
    list_display = ("__str__", "tenant", "host", "events", "is_active", "failures", "created_at")
    list_filter = ("is_active",)
    list_select_related = ("tenant",)
    search_fields = ("url", "description", "tenant__slug")
    autocomplete_fields = ("tenant",)
    date_hierarchy = "created_at"
    actions = ("test", "remove")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Of an address the host alone to those who only read: the rest may hold a secret."""
        address = "url" if self.has_handle_permission(request) else "host"
        return ("tenant", address, "events", "description", "is_active")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant", "host") if obj else ()

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        by = caller(request, obj.tenant)
        if change:
            stored = Webhook.objects.get(pk=obj.pk)
            webhook_update(by=by, webhook=stored, changes=self.changed(form))
            return
        webhook, secret = webhook_create(by=by, **form.cleaned_data)
        obj.pk = webhook.pk
        request.secret_text = secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Webhook, post_url_continue: str | None = None) -> Any:
        """The answer to the POST itself shows the secret: a message would write it into a cookie."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The secret, shown this once",
            "opts": self.opts,
            "name": obj,
            "text": request.secret_text,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/accounts/secret_created.html", context)

    @admin.action(description="Send a test message", permissions=["handle"])
    def test(self, request: HttpRequest, rows: QuerySet[Webhook]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="test", title="Send these a test message",
            verb=lambda webhook: webhook_test(by=by, webhook=webhook),
        )  # fmt: skip

    @admin.action(description="Delete: send to it no more", permissions=["end"])
    def remove(self, request: HttpRequest, rows: QuerySet[Webhook]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="remove", title="Delete these webhooks",
            verb=lambda webhook: webhook_delete(by=by, webhook=webhook),
        )  # fmt: skip


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "tenant", "kind", "event_type", "to", "state", "attempts", "last_error")
    list_filter = ("state", "kind", ("created_at", admin.DateFieldListFilter))
    list_select_related = ("tenant",)
    search_fields = ("=tenant__slug", "^event_type", "=target")
    search_help_text = "A tenant or target in full, or the start of an event type."
    exclude = ("target",)
    readonly_fields = ("to",)
    actions = ("redeliver",)

    @admin.display(ordering="target")
    def to(self, delivery: Delivery) -> str:
        """Of a webhook's address the host alone, as the rest may hold a secret."""
        return urlsplit(delivery.target).hostname or delivery.target

    @admin.action(description="Send once more", permissions=["handle"])
    def redeliver(self, request: HttpRequest, rows: QuerySet[Delivery]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="redeliver", title="Send these once more",
            verb=lambda delivery: delivery_redeliver(by=by, delivery=delivery),
        )  # fmt: skip
