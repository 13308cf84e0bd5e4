"""Do the sums hold? Recomputed on demand."""

from collections import deque
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import validated
from accounts.permissions import HasScope, principal_of
from usage.api.documents import zoned_moment
from usage.models import Rollup
from usage.queries.verify import Verdict, verify
from usage.queries.watermark import watermark

MOST_DAYS: Final = 31


class VerifyRequest(serializers.Serializer[Any]):
    start_date = serializers.CharField(max_length=64, help_text="A moment or a day in UTC.")
    end_date = serializers.CharField(max_length=64, help_text="The same; a day is included.")


class DifferenceResponse(serializers.Serializer[Any]):
    level = serializers.ChoiceField(Rollup.Level.values)
    start = serializers.DateTimeField()
    dimensions = serializers.DictField(child=serializers.CharField(allow_blank=True))
    field = serializers.CharField(help_text="count, costs.USD, metrics.tokens.sum and the like.")
    stored = serializers.CharField(allow_null=True)
    recomputed = serializers.CharField(allow_null=True)


class VerifyResponse(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    hours = serializers.IntegerField(help_text="Hours compared.")
    days = serializers.IntegerField(help_text="Days compared.")
    dirty = serializers.IntegerField(help_text="Hours that are read from their events and were left out.")
    wrong = serializers.IntegerField(help_text="Figures that differ.")
    differences = DifferenceResponse(many=True, help_text="The first thousand of them.")
    complete_through = serializers.DateTimeField(allow_null=True)
    pending = serializers.IntegerField(allow_null=True)


class VerifyView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(
        operation_id="usage_verify", tags=["usage"], request=VerifyRequest, responses=VerifyResponse
    )
    def post(self, request: Request) -> Response:
        """Recompute up to 31 days from the events and compare them with the rollups; nothing is changed."""
        asked = validated(VerifyRequest, request)
        zone = ZoneInfo("UTC")
        start = zoned_moment("start_date", asked["start_date"], zone)
        end = zoned_moment("end_date", asked["end_date"], zone, whole_day=True)
        if not timedelta(0) < end - start <= timedelta(days=MOST_DAYS):
            raise ValidationError({"end_date": [f"Give up to {MOST_DAYS} days after start_date."]})
        mark = watermark()
        verdict = Verdict()
        deque(verify(tenant=principal_of(request).home, start=start, end=end, verdict=verdict), maxlen=0)
        said = {name: getattr(verdict, name) for name in ("hours", "days", "dirty", "wrong", "differences")}
        said["differences"] = [difference._asdict() for difference in verdict.differences]
        return Response(VerifyResponse({"ok": not verdict.wrong, **said, **mark._asdict()}).data)
