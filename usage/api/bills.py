"""Statements, adjustments and previews as the API answers them."""

from datetime import UTC, date, datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import Exact
from usage.models import Adjustment, Statement
from usage.queries.statements import adjustments_of
from usage.statement_files import unit_price


@extend_schema_field(OpenApiTypes.STR)
class Month(serializers.Field[date, str, str, str]):
    """`2026-03`: a calendar month in the tenant's time zone."""

    def to_internal_value(self, data: str) -> date:
        try:
            return datetime.strptime(str(data), "%Y-%m").replace(tzinfo=UTC).date()
        except ValueError as error:
            raise serializers.ValidationError("Give a month such as 2026-03.") from error

    def to_representation(self, value: date) -> str:
        return f"{value:%Y-%m}"


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

    def get_unit_price(self, line: Any) -> str:
        return unit_price(line.explanation)


class AdjustmentResponse(serializers.ModelSerializer[Adjustment]):
    totals = serializers.DictField(child=serializers.CharField())
    lines = LineResponse(many=True)

    class Meta:
        model = Adjustment
        fields = (
            "id", "number", "reason", "as_of", "closed_at", "closed_by", "totals", "previous_digest",
            "digest", "lines",
        )  # fmt: skip


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
    lines = LineResponse(many=True)
    adjustments = serializers.SerializerMethodField()

    class Meta(StatementResponse.Meta):
        fields: tuple[str, ...] = (*StatementResponse.Meta.fields, "rules", "lines", "adjustments")

    @extend_schema_field(AdjustmentResponse(many=True))
    def get_adjustments(self, statement: Statement) -> Any:
        return AdjustmentResponse(adjustments_of(statement), many=True).data


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
