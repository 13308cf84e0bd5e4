"""What happened to a build: its states, its failures, its resumes."""

from django.db import models
from django.utils import timezone

from accounts.models import Massive, TenantOwned
from accounts.models.fields import ExactJSONField
from builds.models.builds import Build
from builds.rules import Fault, Status


class BuildState(Massive):
    """One report that was taken: a row of the history, which only grows.

    A row that entered a code has `entered_at`, and from when the build left that attempt `left_at` and the
    `outcome`: completed, failed or cancelled. One such interval at most is open. An attempt that was over
    when it was first told of has no `entered_at`. The other rows, and those that came too late to be
    `applied`, have none of the three.
    """

    build = models.ForeignKey(Build, on_delete=models.CASCADE, related_name="states")
    seq = models.PositiveIntegerField(help_text="1 is the oldest.")
    state_code = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=16, choices=[(s.value, s.value) for s in Status])
    attempt = models.PositiveIntegerField(default=1)
    message = models.TextField(blank=True)
    reason = models.CharField(max_length=64, blank=True)
    fault = models.CharField(max_length=16, blank=True, choices=[(f.value, f.value) for f in Fault])
    run_id = models.CharField(max_length=255, blank=True)
    metadata = ExactJSONField(default=dict, blank=True)
    artifact = ExactJSONField(default=dict, blank=True, help_text="The artifact_… fields of the report.")
    applied = models.BooleanField(default=True)
    actor = models.CharField(max_length=320, blank=True)
    at = models.DateTimeField(default=timezone.now)
    occurred_at = models.DateTimeField(null=True, blank=True, help_text="As its sender said.")
    entered_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ["-seq"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "build", "seq"], name="build_state_seq_once"),
            models.UniqueConstraint(
                fields=["tenant", "build"],
                condition=models.Q(entered_at__isnull=False, left_at=None),
                name="build_state_open_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "left_at"],
                name="build_state_left",
                condition=models.Q(left_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.state_code} {self.status}"

    @property
    def duration_seconds(self) -> float | None:
        """Of the interval that this row opened, once it is closed."""
        if self.entered_at is None or self.left_at is None:
            return None
        return (self.left_at - self.entered_at).total_seconds()


class BuildFailure(TenantOwned):
    """Why an attempt failed. The same told again counts in `occurrences`."""

    build = models.ForeignKey(Build, on_delete=models.CASCADE, related_name="failures")
    state_code = models.PositiveSmallIntegerField()
    attempt = models.PositiveIntegerField()
    error_message = models.TextField()
    error_code = models.CharField(max_length=64, blank=True)
    component = models.CharField(max_length=100, blank=True)
    details = ExactJSONField(default=dict, blank=True)
    fault = models.CharField(
        max_length=16, choices=[(f.value, f.value) for f in Fault], default=Fault.UNKNOWN.value
    )
    retryable = models.BooleanField(default=True)
    occurrences = models.PositiveIntegerField(default=1)
    digest = models.CharField(max_length=64, editable=False, help_text="Of code, component and message.")
    created_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "build", "state_code", "attempt", "digest"], name="build_failure_once"
            )
        ]

    def __str__(self) -> str:
        return self.error_code or self.error_message[:60]


class Resume(TenantOwned):
    """A failed or cancelled build taken up again at `from_code`; it ends as the build does."""

    class Outcome(models.TextChoices):
        OPEN = "open"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    build = models.ForeignKey(Build, on_delete=models.CASCADE, related_name="resumes")
    failed_code = models.PositiveSmallIntegerField(help_text="Where the build stood.")
    from_code = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=500, blank=True)
    run_id = models.CharField(max_length=255, blank=True)
    requested_by = models.CharField(max_length=320)
    outcome = models.CharField(max_length=16, choices=Outcome.choices, default=Outcome.OPEN)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "build"], condition=models.Q(outcome="open"), name="resume_open_once"
            )
        ]

    def __str__(self) -> str:
        return f"from {self.from_code}: {self.outcome}"
