"""A build of an image, and where it stands now."""

from typing import Final

from django.db import models
from django.utils import timezone

from accounts.models import TenantOwned
from accounts.models.fields import ExactJSONField
from builds.models.catalogue import ImageType, OsVersion, Platform
from builds.models.projects import Project, StateTemplate
from builds.rules import CODES, OPEN, Fault, Status

STATUS_KNOWN: Final = models.Q(status__in=[status.value for status in Status])
STATUS_OPEN: Final = models.Q(status__in=[status.value for status in OPEN])


class Build(TenantOwned):
    """`state_code` is the milestone that it entered last, `status` how that goes.

    What follows from these and the clock (phase, percent, overdue, stuck) is not kept: builds.queries.
    """

    build_id = models.CharField(max_length=255, help_text="The pipeline's own name of it.")
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="builds")
    os_version = models.ForeignKey(OsVersion, on_delete=models.PROTECT, related_name="builds")
    image_type = models.ForeignKey(ImageType, on_delete=models.PROTECT, related_name="builds")
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.PROTECT, related_name="builds"
    )
    template = models.ForeignKey(StateTemplate, on_delete=models.PROTECT, related_name="builds")
    pipeline_url = models.URLField(max_length=2048, blank=True)
    commit_hash = models.CharField(max_length=255, blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children", db_index=False,
        help_text="The build whose image it is made from.",
    )  # fmt: skip
    metadata = ExactJSONField(default=dict, blank=True)

    state_code = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in Status], default=Status.PENDING.value
    )
    attempt = models.PositiveIntegerField(default=1, help_text="At this state code.")
    step_done = models.BooleanField(default=False, help_text="The state code was reported completed.")
    high_water_code = models.PositiveSmallIntegerField(default=0, help_text="The furthest it ever was.")
    message = models.TextField(blank=True)
    reason = models.CharField(max_length=64, blank=True, help_text="Why it failed or was cancelled.")
    fault = models.CharField(max_length=16, blank=True, choices=[(f.value, f.value) for f in Fault])
    retryable = models.BooleanField(default=True, help_text="What its last failure said.")
    run_id = models.CharField(max_length=255, blank=True, help_text="The CI run that owns it.")
    seq = models.PositiveIntegerField(default=0, help_text="How many rows its history has.")

    entered_at = models.DateTimeField(default=timezone.now, help_text="Into this code and attempt.")
    occurred_at = models.DateTimeField(
        default=timezone.now, help_text="When what was reported last happened."
    )
    reported_at = models.DateTimeField(default=timezone.now, help_text="When somebody last wrote to it.")
    started_at = models.DateTimeField(null=True, blank=True, help_text="First code above 0.")
    ended_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it never sent one.")
    progress = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Percent of this state.")
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    overdue_told_at = models.DateTimeField(null=True, blank=True, help_text="Once for each state entered.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_because = models.CharField(max_length=500, blank=True)
    revoked_with = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False,
        help_text="The ancestor whose revocation it shares.",
    )  # fmt: skip
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "build_id"], name="build_once"),
            models.CheckConstraint(condition=models.Q(state_code__in=list(CODES)), name="build_state_code"),
            models.CheckConstraint(condition=STATUS_KNOWN, name="build_status"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="build_newest"),
            models.Index(fields=["tenant", "status", "-created_at", "-id"], name="build_by_status"),
            models.Index(fields=["tenant", "platform", "-created_at", "-id"], name="build_by_platform"),
            models.Index(
                fields=["entered_at"],
                name="build_open",
                condition=STATUS_OPEN,
            ),
            # The dashboard counts in this one alone.
            models.Index(fields=["tenant", "platform", "status", "state_code"], name="build_tally"),
            models.Index(
                fields=["tenant", "ended_at"], name="build_ended", condition=models.Q(ended_at__isnull=False)
            ),
            models.Index(
                fields=["tenant", "parent"], name="build_children", condition=models.Q(parent__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.build_id

    @property
    def is_open(self) -> bool:
        return self.status in OPEN
