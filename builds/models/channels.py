"""Channels: names under which the builds that are to be used are found."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import TenantOwned
from builds.models.builds import Build
from builds.models.catalogue import ImageType, OsVersion, Platform, validate_slug
from builds.models.projects import Project

LINE = ["tenant", "platform", "os_version", "image_type", "name"]


class Channel(TenantOwned):
    """Points at one completed build of its line: builds of one project, platform, OS version and image type.

    The managed one, `latest`, follows the line by itself; the others are assigned.
    """

    name = models.CharField(max_length=63, validators=[validate_slug], help_text="Such as production.")
    platform = models.ForeignKey(Platform, on_delete=models.PROTECT, related_name="+")
    os_version = models.ForeignKey(OsVersion, on_delete=models.PROTECT, related_name="+")
    image_type = models.ForeignKey(ImageType, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    build = models.ForeignKey(
        Build, null=True, blank=True, on_delete=models.PROTECT, related_name="channels",
        help_text="Empty: what it pointed at was revoked, and there was nothing to go back to.",
    )  # fmt: skip
    is_managed = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    assigned_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=[*LINE, "project"], name="channel_once"),
            models.UniqueConstraint(fields=LINE, condition=Q(project=None), name="channel_no_project_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ChannelAssignment(TenantOwned):
    """What a channel pointed at from `at` on."""

    class Cause(models.TextChoices):
        ASSIGNED = "assigned"
        LATEST = "latest"
        ROLLED_BACK = "rolled_back"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="assignments")
    build = models.ForeignKey(Build, null=True, on_delete=models.PROTECT, related_name="+")
    cause = models.CharField(max_length=16, choices=Cause.choices)
    actor = models.CharField(max_length=320)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.build or 'nothing'}: {self.cause}"
