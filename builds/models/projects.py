"""Projects, and the templates that say which milestones a build passes."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.functional import cached_property
from uuid_utils.compat import uuid7

from accounts.models import TenantOwned
from builds.models.catalogue import CatalogueRow, Retired, once
from builds.rules import CODES


class StateTemplate(CatalogueRow):
    """A set of milestones. The shared `standard` is every build's whose project names no other."""

    class Meta:
        ordering = ["slug"]
        constraints = once("state_template")

    @cached_property
    def by_code(self) -> dict[int, "StateCode"]:
        """Its milestones in their order, as this object first read them."""
        return {state.code: state for state in self.codes.all()}


class StateCode(models.Model):
    """One milestone of a template. What takes longer than twice its `expected_max_minutes` is overdue."""

    class Phase(models.TextChoices):
        QUEUED = "queued"
        PREPARE = "prepare"
        BUILD = "build"
        CONFIGURE = "configure"
        VERIFY = "verify"
        FINALIZE = "finalize"
        DELIVERED = "delivered"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    template = models.ForeignKey(StateTemplate, on_delete=models.CASCADE, related_name="codes")
    code = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)
    phase = models.CharField(max_length=16, choices=Phase.choices)
    description = models.CharField(max_length=500, blank=True)
    expected_min_minutes = models.PositiveIntegerField(default=0)
    expected_max_minutes = models.PositiveIntegerField(
        default=15, validators=[MinValueValidator(1), MaxValueValidator(10_080)]
    )
    retry_max = models.PositiveSmallIntegerField(
        default=3, validators=[MaxValueValidator(100)], help_text="Retries after the first attempt."
    )
    is_resumable = models.BooleanField(default=True)
    is_blocking = models.BooleanField(default=False, help_text="A build that never was here is not complete.")
    required_artifacts = models.JSONField(default=list, blank=True, help_text="Names; needed to resume here.")
    required_variables = models.JSONField(default=list, blank=True, help_text="Keys; needed to resume here.")
    deactivated_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["template", "code"], name="state_code_once"),
            models.CheckConstraint(condition=models.Q(code__in=list(CODES)), name="state_code_in_fives"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    @property
    def budget_minutes(self) -> int:
        return 2 * self.expected_max_minutes


class Project(TenantOwned, Retired):
    """A tenant's line of images; its `template` is a shared one or the project's own."""

    description = models.CharField(max_length=500, blank=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    template = models.ForeignKey(StateTemplate, on_delete=models.PROTECT, related_name="projects")
    requires_final_artifact = models.BooleanField(
        default=False, help_text="A build without a final artifact is not complete."
    )

    class Meta:
        ordering = ["slug"]
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="project_once")]
