"""Which days of which customers came from Gcore into the ledger, and which are still to come."""

from typing import Final

from django.db import models
from django.db.models import Q

from accounts.models import TenantOwned
from gcore.models.mappings import ClientMapping
from gcore.models.reports import ReportJob


class ProviderImport(TenantOwned):
    """One day of one customer: the usage of a product, or the costs of its month up to that day.

    Whoever works on it first moves `next_step_at` on, from the value seen, as with a report.
    """

    class Kind(models.TextChoices):
        CDN = "cdn", "CDN"
        CLOUD = "cloud", "Cloud"
        WAAP = "waap", "WAAP"
        EXPENSES = "expenses"

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"

    PENDING: Final = (State.WAITING, State.RUNNING)

    mapping = models.ForeignKey(ClientMapping, on_delete=models.CASCADE, related_name="imports")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    day = models.DateField(help_text="In UTC.")
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    job = models.ForeignKey(ReportJob, null=True, on_delete=models.SET_NULL, related_name="+")
    tries = models.PositiveSmallIntegerField(default=0, help_text="That failed.")
    next_step_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True, help_text="When Gcore was asked last.")
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict, help_text="What became of the rows.")
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-day", "kind"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "mapping", "kind", "day"], name="provider_import_once")
        ]
        indexes = [
            models.Index(
                fields=["next_step_at"], name="provider_import_due", condition=Q(next_step_at__isnull=False)
            ),
            models.Index(fields=["tenant", "day"], name="provider_import_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.mapping.client_id}, {self.day}"

    @property
    def is_pending(self) -> bool:
        return self.state in self.PENDING
