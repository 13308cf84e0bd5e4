"""An event as the API answers it, and the parameters that several calls share."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.api.rows import RowSerializer
from usage.models import UsageEvent
from usage.queries.events import billed_cost


class UsageEventResponse(RowSerializer):
    tenant_id = serializers.SerializerMethodField()
    total_cost = serializers.SerializerMethodField(
        help_text="What the sender gave in billing_info, as a decimal string."
    )
    metrics = serializers.DictField(child=serializers.JSONField())
    billing_info = serializers.DictField(child=serializers.JSONField())
    metadata = serializers.DictField(child=serializers.JSONField())
    tags = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = UsageEvent
        fields = [
            "event_id",
            "timestamp",
            "tenant_id",
            "user_id",
            "service_type",
            "service_provider",
            "event_type",
            "metrics",
            "billing_info",
            "total_cost",
            "tags",
            "metadata",
            "session_id",
            "request_id",
            "received_at",
            "revision",
        ]

    def get_tenant_id(self, event: UsageEvent) -> str:
        return str(self.context["tenant"].slug)

    def get_total_cost(self, event: UsageEvent) -> str | None:
        return billed_cost(event)


class RevisionResponse(UsageEventResponse):
    class Meta(UsageEventResponse.Meta):
        fields = [*UsageEventResponse.Meta.fields, "ended_at"]


class DayOrMoment(serializers.Field[dt.datetime, str, str, str]):
    """An RFC 3339 moment or a bare date; as an end, a bare date includes its whole day (UTC)."""

    def __init__(self, *, end: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.end = end

    def to_internal_value(self, data: str) -> dt.datetime:
        try:
            day = dt.date.fromisoformat(data)
        except ValueError:
            return serializers.DateTimeField(default_timezone=dt.UTC).to_internal_value(data)
        midnight = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
        if self.end and day < dt.date.max:
            midnight += dt.timedelta(days=1)
        return midnight

    def to_representation(self, value: dt.datetime) -> str:
        return value.isoformat()


def zoned_moment(name: str, text: str, zone: ZoneInfo, *, whole_day: bool = False) -> dt.datetime:
    """The moment of a parameter, in UTC; a bare date is its midnight in the zone, or the one after it."""
    try:
        day = dt.date.fromisoformat(text)
        if whole_day:
            day += dt.timedelta(days=1)
        found = dt.datetime(day.year, day.month, day.day, tzinfo=zone)
    except (ValueError, OverflowError):
        found = _read_moment(name, text, zone)
    if not 1970 <= found.year <= 2200:
        raise ValidationError({name: ["Give a moment from 1970 to 2200."]})
    return found.astimezone(dt.UTC)


def _read_moment(name: str, text: str, zone: ZoneInfo) -> dt.datetime:
    try:
        return serializers.DateTimeField(default_timezone=zone).to_internal_value(text)
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from error
