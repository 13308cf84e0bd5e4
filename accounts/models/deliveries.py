"""What leaves the house: webhooks, and the outbox of their messages and of mail."""

from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models.mail import MailKind
from accounts.models.tenancy import Tenant, TenantOwned, TenantQuerySet

MAX_PATTERNS: Final = 50


def validate_patterns(value: Any) -> None:
    """A list of event types: in full, everything of a noun (`api_key.*`), or everything (`*`)."""
    if not isinstance(value, list) or not 0 < len(value) <= MAX_PATTERNS:
        raise ValidationError(f"Give a list of 1 to {MAX_PATTERNS} event types.")
    pattern = RegexValidator(r"\A(\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?)\Z")
    for item in value:
        try:
            pattern(item if isinstance(item, str) and len(item) <= 64 else "")
        except ValidationError as error:
            raise ValidationError(
                f"{item!r} is not an event type such as api_key.created, api_key.* or *."
            ) from error


def every_event() -> list[str]:
    return ["*"]


class Webhook(TenantOwned):
    """An address of the tenant's that is told of its activity. The secrets are kept encrypted."""

    url = models.CharField(max_length=2048, verbose_name="URL")
    events = models.JSONField(
        default=every_event, validators=[validate_patterns], help_text='Event types, e.g. ["api_key.*"].'
    )
    description = models.CharField(max_length=255, blank=True)
    is_active = models.BooleanField(default=True)
    secret = models.TextField(editable=False)
    previous_secret = models.TextField(blank=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(
        default=0, editable=False, help_text="Failed attempts since a message last arrived."
    )
    resting_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.description or self.host

    @property
    def host(self) -> str:
        """What of the address may be told to everybody: the rest may hold a secret."""
        return urlsplit(self.url).hostname or ""

    def wants(self, event_type: str) -> bool:
        return any(
            pattern in ("*", event_type) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
            for pattern in self.events
        )


class Delivery(models.Model):
    """One message to one target: a row of the outbox, written in the transaction of what it tells.

    Whoever sends it first moves `next_attempt_at` on, from the value seen; so one sender has it at a
    time, and one that dies has it only until then.
    """

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"
        MAIL = "mail"

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, null=True, on_delete=models.PROTECT, related_name="+", help_text="Empty: the platform's own."
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    webhook = models.ForeignKey(Webhook, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    target = models.CharField(max_length=2048, help_text="A URL or an e-mail address.")
    event_type = models.CharField(max_length=64)
    mail_kind = models.CharField(max_length=16, choices=MailKind.choices, blank=True)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    last_status = models.PositiveIntegerField(null=True, help_text="The HTTP status of the last answer.")
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="delivery_due", condition=models.Q(state="pending")
            ),
            models.Index(fields=["webhook", "-id"], name="delivery_of_webhook"),
            models.Index(fields=["created_at"], name="delivery_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} · {self.state}"
