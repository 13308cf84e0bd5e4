"""Statements, adjustments and previews as the API answers them."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import Exact, Month
from accounts.models import Tenant
from usage.billing import EVENTS
from usage.models import Adjustment, Statement
from usage.queries.statements import adjustments_of
from usage.statement_files import unit_price

EXPLAIN: Final = "/api/v1/usage/explain"


class LineResponse(serializers.Serializer[Any]):
    rule_id = serializers.CharField(help_text="The price rule; empty: no rule, billed as sent.")
    service_type = serializers.CharField()
    service_provider = serializers.CharField()
    model = serializers.CharField()
    unit = serializers.CharField()
    scheme = serializers.CharField(help_text="That of the rule, or as_sent.")
    starts_at = serializers.DateTimeField(default_timezone=UTC)
    ends_at = serializers.DateTimeField(default_timezone=UTC)
    quantity = Exact()
    unit_price = serializers.SerializerMethodField(help_text="When one rate made the line; else empty.")
    unrounded = Exact()
    amount = serializers.CharField(help_text="Rounded to the currency's minor unit, a half away from zero.")
    currency = serializers.CharField()
    explanation = serializers.DictField(
        child=serializers.JSONField(),
        help_text="`before`: units of the month charged earlier; `steps`: units at a rate; `minimum`: what"
        " was added to reach it. In an adjustment `was` and `is`.",
    )
    billed_by_sender = serializers.DictField(
        child=serializers.CharField(),
        help_text="What the senders billed for the same events, by currency.",
    )

    explain = serializers.SerializerMethodField(
        help_text="The path that lists exactly the events of the line, by what was known."
    )

    def get_unit_price(self, line: Any) -> str:
        return unit_price(line.explanation)

    def get_explain(self, line: Any) -> str:
        return explain_path(line, self.context["tenant"], self.context["as_of"])


class AdjustmentLineResponse(LineResponse):
    explain_was = serializers.SerializerMethodField(
        help_text="The same for the events that it was before: the line is what lies between."
    )

    def get_explain_was(self, line: Any) -> str:
        return explain_path(line, self.context["tenant"], self.context["known_before"])


def explain_path(line: Any, tenant: Tenant, as_of: datetime | None) -> str:
    """Where the events of a line are listed that counted `as_of` a moment (None: now)."""
    asked = {
        "tenant_id": tenant.slug,
        "start_date": _moment(line.starts_at),
        "end_date": _moment(line.ends_at),
        **{name: getattr(line, name) for name in ("service_type", "service_provider", "model", "rule_id")},
    }
    if line.unit != EVENTS:
        asked["metric"] = line.unit
    if as_of is not None:
        asked["as_of"] = _moment(as_of)
    return f"{EXPLAIN}?{urlencode(asked)}"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class AdjustmentResponse(serializers.ModelSerializer[Adjustment]):
    """Its context has `tenant`, and `known_before`: the moment up to which the document before it knew."""

    totals = serializers.DictField(child=serializers.CharField())
    lines = serializers.SerializerMethodField()

    class Meta:
        model = Adjustment
        fields = (
            "id", "number", "reason", "as_of", "closed_at", "closed_by", "totals", "previous_digest",
            "digest", "lines",
        )  # fmt: skip

    @extend_schema_field(AdjustmentLineResponse(many=True))
    def get_lines(self, adjustment: Adjustment) -> Any:
        context = {**self.context, "as_of": adjustment.as_of}
        return AdjustmentLineResponse(adjustment.lines.all(), many=True, context=context).data


def adjustments_told(statement: Statement) -> list[dict[str, Any]]:
    """A statement's adjustments, in the order in which they were made."""
    made = adjustments_of(statement)
    known = [statement.as_of, *(one.as_of for one in made)]
    return [
        AdjustmentResponse(one, context={"tenant": statement.tenant, "known_before": before}).data
        for before, one in zip(known, made, strict=False)
    ]


class AdjustmentCreateResponse(serializers.Serializer[Any]):
    adjustment = AdjustmentResponse(allow_null=True, help_text="null: nothing has changed since.")


class StatementResponse(serializers.ModelSerializer[Statement]):
    month = Month()
    totals = serializers.DictField(child=serializers.CharField(), help_text="By currency, never mixed.")

    class Meta:
        model = Statement
        fields: tuple[str, ...] = (
            "id", "number", "month", "timezone", "starts_at", "ends_at", "totals", "as_of", "closed_at",
            "closed_by", "previous_digest", "digest",
        )  # fmt: skip


class StatementDetailResponse(StatementResponse):
    rules = serializers.ListField(
        child=serializers.DictField(child=serializers.JSONField()), help_text="The prices frozen with it."
    )
    lines = serializers.SerializerMethodField()
    adjustments = serializers.SerializerMethodField()

    class Meta(StatementResponse.Meta):
        fields: tuple[str, ...] = (*StatementResponse.Meta.fields, "rules", "lines", "adjustments")

    @extend_schema_field(LineResponse(many=True))
    def get_lines(self, statement: Statement) -> Any:
        context = {"tenant": statement.tenant, "as_of": statement.as_of}
        return LineResponse(statement.lines.all(), many=True, context=context).data

    @extend_schema_field(AdjustmentResponse(many=True))
    def get_adjustments(self, statement: Statement) -> Any:
        return adjustments_told(statement)


class StatementPreviewResponse(serializers.Serializer[Any]):
    month = Month(source="basis.month")
    status = serializers.ChoiceField(["open", "closed"])
    timezone = serializers.CharField(source="basis.timezone")
    starts_at = serializers.DateTimeField(source="basis.starts_at")
    ends_at = serializers.DateTimeField(source="basis.ends_at")
    totals = serializers.DictField(child=serializers.CharField())
    lines = LineResponse(many=True)
    as_of = serializers.DateTimeField(allow_null=True)
    complete_through = serializers.DateTimeField(
        allow_null=True, help_text="All events accepted before this moment are counted."
    )
    pending = serializers.IntegerField(allow_null=True, help_text="Batches that wait to be counted.")


class StatementVerifyResponse(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    digest = serializers.CharField()
    problems = serializers.ListField(child=serializers.CharField())
