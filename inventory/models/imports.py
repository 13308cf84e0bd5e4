"""Imports: every way in which rows came here."""

from django.db import models
from django.utils import timezone

from accounts.models import Tenant, TenantOwned
from accounts.models.fields import ExactJSONField


class Import(TenantOwned):
    """One file, one call of the API or one report of a provider, and what became of its rows.

    `inserted + updated + unchanged + rejected = rows`; `removed` counts rows that were there before and that
    it replaced by nothing.
    """

    class Kind(models.TextChoices):
        RESOURCES = "resources"
        COSTS = "costs"

    class Origin(models.TextChoices):
        FILE = "file"
        API = "api"
        PROVIDER = "provider"

    class Mode(models.TextChoices):
        REPLACE = "replace"
        ADD = "add"

    class State(models.TextChoices):
        RECEIVED = "received"
        CHECKING = "checking"
        CHECKED = "checked"
        APPLIED = "applied"
        UNDONE = "undone"
        FAILED = "failed"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    origin = models.CharField(max_length=16, choices=Origin.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.RECEIVED)
    source = models.CharField(max_length=100, help_text="Who tells: what it told before is replaced by it.")
    file_name = models.CharField(max_length=255, blank=True)
    size = models.BigIntegerField(default=0, help_text="Bytes.")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the content, in hexadecimal.")
    file = models.FileField(max_length=255, blank=True)
    rejects = models.FileField(max_length=255, blank=True, help_text="The rows that were refused, and why.")
    mode = models.CharField(max_length=16, choices=Mode.choices, default=Mode.REPLACE)
    header = models.JSONField(default=list, help_text="The file's columns.")
    layout = models.JSONField(default=dict, help_text="How its columns are read: a layouts.Layout.")
    mapping = models.JSONField(default=dict, help_text="Our column → the file's.")
    warnings = models.JSONField(default=list)
    errors = models.JSONField(default=list, help_text="Of the first rows that were refused.")
    rows = models.PositiveIntegerField(default=0)
    inserted = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    totals = ExactJSONField(default=dict, help_text="Billed cost of its rows by currency.")
    message = models.CharField(max_length=2000, blank=True, help_text="Why it failed.")
    actor = models.CharField(max_length=320)
    created_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The counts compare with what was there then; while checking: last seen.",
    )
    applied_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["tenant", "kind", "sha256"], name="import_by_content")]

    def __str__(self) -> str:
        return f"{self.kind} from {self.file_name or self.source}"


class MappingProfile(TenantOwned):
    """What a tenant's own kind of file calls our columns; `definition` is a layouts.Layout."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.SlugField(max_length=63, db_index=False)
    kind = models.CharField(max_length=16, choices=Import.Kind.choices)
    definition = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="mapping_profile_once")]

    def __str__(self) -> str:
        return str(self.name)
