"""Closed months: statements, what was adjusted later, and their lines. Rows here are written once."""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from django.db import models

from accounts.exact import canonical
from accounts.models import TenantOwned
from accounts.models.fields import ExactDecimalField, ExactJSONField
from usage.billing import Line
from usage.digests import digest_of

NUMBERS: Final = ("quantity", "unrounded", "amount")
COLUMNS: Final = tuple(field.name for field in dataclasses.fields(Line))


class Document(TenantOwned):
    """What a statement and an adjustment have in common: a number, lines, totals, and a digest over them.

    `number` counts without gaps, `as_of` is the moment up to which accepted events were known, `totals`
    maps a currency to its sum, and `previous_digest` chains to the document before.
    """

    number = models.PositiveIntegerField()
    as_of = models.DateTimeField()
    closed_at = models.DateTimeField()
    closed_by = models.CharField(max_length=255)
    totals = models.JSONField()
    previous_digest = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)

    class Meta:
        abstract = True

    def content(self) -> dict[str, Any]:
        """All that the digest is taken over, but for the lines."""
        return {
            "tenant": str(self.tenant_id),
            "number": self.number,
            "as_of": _utc(self.as_of),
            "closed_at": _utc(self.closed_at),
            "closed_by": self.closed_by,
            "totals": self.totals,
        }

    def computed_digest(self, lines: "Iterable[BillLine]") -> str:
        rows = [line.content() for line in lines]
        return digest_of({**self.content(), "lines": rows, "previous": self.previous_digest})


class BillLine(TenantOwned):
    """A line as `usage.billing.Line` describes it, at its place in a document."""

    position = models.PositiveIntegerField()
    rule_id = models.CharField(max_length=36, blank=True)
    service_type = models.TextField()
    service_provider = models.TextField()
    model = models.TextField(blank=True)
    unit = models.TextField()
    scheme = models.CharField(max_length=16)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    quantity = ExactDecimalField()
    unrounded = ExactDecimalField()
    amount = ExactDecimalField()
    currency = models.TextField()
    explanation = ExactJSONField()
    billed_by_sender = models.JSONField()

    class Meta:
        abstract = True

    @property
    def line(self) -> Line:
        return Line(**{name: getattr(self, name) for name in COLUMNS})

    def content(self) -> dict[str, Any]:
        """The line as the digest sees it: moments and numbers as texts of one form."""
        columns = {name: getattr(self, name) for name in COLUMNS}
        moments = {name: _utc(getattr(self, name)) for name in ("starts_at", "ends_at")}
        numbers = {name: canonical(getattr(self, name)) for name in NUMBERS}
        return {"position": self.position, **columns, **moments, **numbers}


class Statement(Document):
    """A tenant's closed month. `rules` are the prices that it was made with, for every later adjustment."""

    month = models.DateField(help_text="Its first day, in the tenant's zone.")
    timezone = models.CharField(max_length=63)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    rules = models.JSONField()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="statement_number_once"),
            models.UniqueConstraint(fields=["tenant", "month"], name="statement_month_once"),
        ]

    def __str__(self) -> str:
        return f"No. {self.number}, {self.month:%Y-%m}"

    def content(self) -> dict[str, Any]:
        return {
            **super().content(),
            "month": self.month.isoformat(),
            "timezone": self.timezone,
            "starts_at": _utc(self.starts_at),
            "ends_at": _utc(self.ends_at),
            "currency": self.currency,
            "rules": self.rules,
        }


class StatementLine(BillLine):
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="lines")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "statement", "position"], name="statement_line_once")
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.unit}"


class Adjustment(Document):
    """What changed after the close. Its lines are differences: statement + adjustments = what is known."""

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="adjustments")
    reason = models.CharField(max_length=2000, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "statement", "number"], name="adjustment_number_once")
        ]

    def __str__(self) -> str:
        return f"Adjustment {self.number}"

    def content(self) -> dict[str, Any]:
        return {**super().content(), "statement": str(self.statement_id), "reason": self.reason}


class AdjustmentLine(BillLine):
    adjustment = models.ForeignKey(Adjustment, on_delete=models.PROTECT, related_name="lines")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "adjustment", "position"], name="adjustment_line_once")
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.unit}"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
