"""Reports asked of Gcore, and the rows that they brought."""

from typing import Final

from django.db import models
from django.utils import timezone

from accounts.models import Tenant, TenantOwned
from accounts.models.fields import ByteOrderedCharField, ExactDecimalField
from gcore.models.accounts import GcoreAccount


class ReportJob(TenantOwned):
    """One report of one product for one customer, from the request to its rows.

    Whoever works on it first moves `next_poll_at` on, from the value seen; a worker that dies has it only
    until then. Its rows count once it is completed, and not before.
    """

    class Product(models.TextChoices):
        CDN = "cdn", "CDN"
        CLOUD = "cloud", "Cloud"
        WAAP = "waap", "WAAP"

    class State(models.TextChoices):
        REQUESTED = "requested"
        QUEUED = "queued"
        GENERATING = "generating"
        DOWNLOADING = "downloading"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"
        TIMED_OUT = "timed_out"

    RUNNING: Final = (State.REQUESTED, State.QUEUED, State.GENERATING, State.DOWNLOADING)

    account = models.ForeignKey(GcoreAccount, on_delete=models.PROTECT, related_name="+")
    product = models.CharField(max_length=8, choices=Product.choices)
    client_id = models.CharField(max_length=20, verbose_name="Gcore client id")
    start_date = models.DateField()
    end_date = models.DateField(help_text="Included.")
    state = models.CharField(max_length=16, choices=State.choices, default=State.REQUESTED)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Per cent.")
    attempts = models.PositiveIntegerField(default=0, help_text="Steps begun.")
    next_poll_at = models.DateTimeField(null=True, default=timezone.now)
    deadline = models.DateTimeField(help_text="Whatever Gcore says, it ends by then.")
    upstream_id = models.TextField(blank=True, help_text="Gcore's own id of the report.")
    upstream_state = models.TextField(blank=True, help_text="In Gcore's own word.")
    notes = models.TextField(blank=True, help_text="What Gcore's task says of itself.")
    error = models.TextField(blank=True)
    first_lines = models.TextField(
        blank=True, help_text="Of a file that was refused; they may be of any customer."
    )
    raw = models.FileField(max_length=255, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes of the file.")
    row_count = models.PositiveIntegerField(default=0)
    zero_rows = models.PositiveIntegerField(default=0, help_text="The customer's own, left out.")
    other_rows = models.PositiveIntegerField(default=0, help_text="Of other customers, left out.")
    aside_rows = models.PositiveIntegerField(default=0, help_text="That could not be read.")
    columns = models.JSONField(default=list, help_text="Those beyond the usual ones that hold something.")
    requested_by = models.CharField(max_length=320)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_poll_at"],
                name="report_due",
                condition=models.Q(next_poll_at__isnull=False),
            ),
            models.Index(
                fields=["tenant", "account", "client_id", "product", "start_date", "end_date"],
                name="report_of_period",
            ),
            models.Index(fields=["tenant", "-id"], name="report_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_product_display()} of {self.client_id}, {self.start_date} to {self.end_date}"

    @property
    def is_running(self) -> bool:
        return self.state in self.RUNNING


class ReportRow(TenantOwned):
    """A row of a report; `position` is its place in the file."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    job = models.ForeignKey(ReportJob, on_delete=models.CASCADE, related_name="rows", db_index=False)
    position = models.PositiveIntegerField()
    client_id = ByteOrderedCharField(max_length=20)
    company_name = models.TextField()
    feature_id = models.TextField()
    feature_name = models.TextField()
    metric_value = ExactDecimalField()
    region_id = models.TextField()
    region_name = models.TextField()
    resource_id = models.TextField()
    resource_name = models.TextField()
    unit_name = models.TextField()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["job", "position", "tenant"], name="report_row_once")]

    def __str__(self) -> str:
        return f"{self.position}. {self.feature_name}"


class ReportAside(TenantOwned):
    """A row that could not be read. It may be another customer's: for the platform's eyes."""

    job = models.ForeignKey(ReportJob, on_delete=models.CASCADE, related_name="asides")
    position = models.PositiveIntegerField()
    reason = models.TextField()
    text = models.TextField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "job", "position"], name="report_aside_once")
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.reason}"


class ReportBundle(TenantOwned):
    """One request for all products: a report of each, which other requests may share."""

    cdn = models.ForeignKey(ReportJob, on_delete=models.CASCADE, related_name="+")
    cloud = models.ForeignKey(ReportJob, on_delete=models.CASCADE, related_name="+")
    waap = models.ForeignKey(ReportJob, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "cdn", "cloud", "waap"], name="report_bundle_once")
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="report_bundle_newest")]

    def __str__(self) -> str:
        return f"All products: {self.cdn.client_id}, {self.cdn.start_date} to {self.cdn.end_date}"

    @property
    def jobs(self) -> tuple[ReportJob, ReportJob, ReportJob]:
        return self.cdn, self.cloud, self.waap
