"""Webhooks, and the outbox to look at. A secret is in the answer to its making and nowhere else."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.admin.base import ReadOnlyAdmin, ServiceAdmin, caller, confirmed
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
    list_display = ("__str__", "tenant", "url", "events", "is_active", "failures", "created_at")
    list_filter = ("is_active",)
    list_select_related = ("tenant",)
    search_fields = ("url", "description", "tenant__slug")
    autocomplete_fields = ("tenant",)
    date_hierarchy = "created_at"
    fields = ("tenant", "url", "events", "description", "is_active")
    actions = ("test", "remove")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant",) if obj else ()

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

    @admin.action(description="Send a test message")
    def test(self, request: HttpRequest, rows: QuerySet[Webhook]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="test", title="Send these a test message",
            verb=lambda webhook: webhook_test(by=by, webhook=webhook),
        )  # fmt: skip

    @admin.action(description="Delete")
    def remove(self, request: HttpRequest, rows: QuerySet[Webhook]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="remove", title="Delete these webhooks",
            verb=lambda webhook: webhook_delete(by=by, webhook=webhook),
        )  # fmt: skip


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "tenant", "kind", "event_type", "target", "state", "attempts", "last_error")
    list_filter = ("state", "kind", ("created_at", admin.DateFieldListFilter))
    list_select_related = ("tenant",)
    search_fields = ("=tenant__slug", "^event_type", "=target")
    search_help_text = "A tenant or target in full, or the start of an event type."
    actions = ("redeliver",)

    @admin.action(description="Send once more", permissions=["redeliver"])
    def redeliver(self, request: HttpRequest, rows: QuerySet[Delivery]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="redeliver", title="Send these once more",
            verb=lambda delivery: delivery_redeliver(by=by, delivery=delivery),
        )  # fmt: skip

    def has_redeliver_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_delivery")
