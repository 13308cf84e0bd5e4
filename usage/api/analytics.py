"""Usage by period, by service and in money, and where it is going; all figures are decimal strings."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.exact import canonical
from accounts.models import Tenant
from accounts.models.tenancy import validate_time_zone
from accounts.permissions import HasScope, principal_of
from usage.api.documents import zoned_moment
from usage.dimensions import DIMENSIONS
from usage.queries import analytics
from usage.queries.analytics import DEFAULT_SPANS, Scope
from usage.queries.events import FILTERS
from usage.queries.sums import where_equal
from usage.queries.watermark import watermark
from usage.tally import Tally

PERIODS: Final = ("hour", "day", "week", "month")
MOST_METRICS: Final = 10
WINDOW: Final = [
    OpenApiParameter("tenant_id", OpenApiTypes.STR, description="Slug or UUID; default: the key's."),
    OpenApiParameter(
        "start_date", OpenApiTypes.DATETIME, description="From this moment, or this day of the zone, on."
    ),
    OpenApiParameter(
        "end_date", OpenApiTypes.DATETIME, description="Before this moment; a bare date is included."
    ),
    OpenApiParameter("timezone", OpenApiTypes.STR, description="IANA; default: the tenant's."),
    *(OpenApiParameter(name, OpenApiTypes.STR) for name in FILTERS),
]


class NamesField(serializers.CharField):
    """A list of names with commas between them."""

    def to_internal_value(self, data: Any) -> Any:
        names = [name.strip() for name in super().to_internal_value(data).split(",") if name.strip()]
        return list(dict.fromkeys(names))


class AnalyticsRequest(serializers.Serializer[Any]):
    start_date = serializers.CharField(max_length=64, required=False)
    end_date = serializers.CharField(max_length=64, required=False)
    timezone = serializers.CharField(max_length=63, required=False, validators=[validate_time_zone])
    service_type = serializers.CharField(max_length=50, required=False)
    service_provider = serializers.CharField(max_length=255, required=False)
    user_id = serializers.CharField(max_length=255, required=False)
    event_type = serializers.CharField(max_length=255, required=False)


class AggregateRequest(AnalyticsRequest):
    period = serializers.ChoiceField(PERIODS, default="day")
    group_by = NamesField(max_length=200, default="", allow_blank=True)
    metrics = NamesField(max_length=2000, default="", allow_blank=True)

    def validate_group_by(self, names: list[str]) -> list[str]:
        if not set(names) <= set(DIMENSIONS):
            raise ValidationError(f"Choose from {', '.join(DIMENSIONS)}.")
        return names

    def validate_metrics(self, names: list[str]) -> list[str]:
        if len(names) > MOST_METRICS:
            raise ValidationError(f"Give at most {MOST_METRICS} names.")
        return names


class ByServiceRequest(AnalyticsRequest):
    limit = serializers.IntegerField(min_value=1, max_value=50, default=10)


class CostsRequest(AnalyticsRequest):
    group_by = serializers.ChoiceField(PERIODS, default="day")


class TrendsRequest(AnalyticsRequest):
    period = serializers.ChoiceField(PERIODS, default="day")
    metric = serializers.ChoiceField(["event_count", "total_cost", "unique_users"], default="event_count")
    currency = serializers.CharField(max_length=3, required=False)


class Money(serializers.Serializer[Any]):
    total_cost = serializers.CharField(
        allow_null=True, help_text="As the senders gave it; null unless there is exactly one currency."
    )
    currency = serializers.CharField(allow_null=True)
    totals = serializers.DictField(child=serializers.CharField(), help_text="The cost in each currency.")


class MetricSums(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    sum = serializers.CharField()
    min = serializers.CharField()
    max = serializers.CharField()


class Figures(Money):
    event_count = serializers.IntegerField()
    metrics = serializers.DictField(child=MetricSums())


class PeriodFigures(Figures):
    period_start = serializers.DateTimeField()
    period_end = serializers.DateTimeField()
    group = serializers.DictField(child=serializers.CharField(allow_blank=True))


class AnalyticsResponse(serializers.Serializer[Any]):
    start_date = serializers.DateTimeField()
    end_date = serializers.DateTimeField()
    timezone = serializers.CharField()
    complete_through = serializers.DateTimeField(
        allow_null=True, help_text="All events accepted before this moment are counted."
    )
    pending = serializers.IntegerField(
        allow_null=True, help_text="Accepted entries that are not counted yet."
    )


class AggregateResponse(AnalyticsResponse):
    period = serializers.ChoiceField(PERIODS)
    buckets = PeriodFigures(many=True)
    totals = Figures()


class TopUser(serializers.Serializer[Any]):
    user_id = serializers.CharField()
    event_count = serializers.IntegerField()


class ServiceFigures(Money):
    service_type = serializers.CharField()
    event_count = serializers.IntegerField()
    unique_users = serializers.IntegerField()
    top_users = TopUser(many=True)
    percentage_of_total = serializers.CharField(help_text="Of all events, to two places.")


class ByServiceResponse(AnalyticsResponse):
    services = ServiceFigures(many=True)
    total_events = serializers.IntegerField()


class PeriodCost(Money):
    period_start = serializers.DateTimeField()
    period_end = serializers.DateTimeField()


class CostsResponse(AnalyticsResponse, Money):
    cost_by_service = serializers.DictField(child=Money())
    cost_by_period = PeriodCost(many=True)


class TrendPoint(serializers.Serializer[Any]):
    period_start = serializers.DateTimeField()
    period_end = serializers.DateTimeField()
    value = serializers.CharField()


class TrendsResponse(AnalyticsResponse):
    metric = serializers.ChoiceField(["event_count", "total_cost", "unique_users"])
    period = serializers.ChoiceField(PERIODS)
    data_points = TrendPoint(many=True)
    direction = serializers.ChoiceField(["up", "down", "stable"])
    percentage_change = serializers.CharField(allow_null=True, help_text="Null when it rose from nothing.")


class AnalyticsView(APIView):
    """Reads what was asked for and says how complete the answer is; what it counts is each view's own."""

    permission_classes: list[type[BasePermission]] = [HasScope]
    asks: type[AnalyticsRequest]
    answers: type[AnalyticsResponse]

    def answered(self, request: Request) -> Response:
        asked = self.asks(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query = asked.validated_data
        tenant = principal_of(request).home
        zone = ZoneInfo(query.get("timezone") or tenant.timezone)
        mark = watermark()
        scope = _scope(tenant, query, zone)
        said = {"start_date": scope.start, "end_date": scope.end, "timezone": zone.key, **mark._asdict()}
        document = {**said, **self.figures(scope, zone, query)}
        return Response(self.answers(document).data)

    def figures(self, scope: Scope, zone: ZoneInfo, query: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


class AggregateView(AnalyticsView):
    asks, answers = AggregateRequest, AggregateResponse

    @extend_schema(
        operation_id="usage_aggregate",
        tags=["usage"],
        parameters=[
            OpenApiParameter("period", OpenApiTypes.STR, enum=PERIODS, description="Default: day."),
            OpenApiParameter("group_by", OpenApiTypes.STR, description=f"Some of {','.join(DIMENSIONS)}."),
            OpenApiParameter(
                "metrics", OpenApiTypes.STR, description="Names of metrics to sum up, up to 10."
            ),
            *WINDOW,
        ],
        responses=AggregateResponse,
    )
    def get(self, request: Request) -> Response:
        """Usage by period of a time zone; periods without events are left out."""
        return self.answered(request)

    def figures(self, scope: Scope, zone: ZoneInfo, query: dict[str, Any]) -> dict[str, Any]:
        names, period = query["group_by"], query["period"]
        buckets = analytics.usage_by_period(
            scope=scope, period=period, zone=zone, group_by=names, metrics=query["metrics"]
        )
        rows = [
            {
                **_between(row.start, row.end),
                "group": dict(zip(names, row.group, strict=True)),
                **_figures(row.tally),
            }
            for row in buckets
        ]
        return {
            "period": period,
            "buckets": rows,
            "totals": _figures(analytics.total([row.tally for row in buckets])),
        }


class ByServiceView(AnalyticsView):
    asks, answers = ByServiceRequest, ByServiceResponse

    @extend_schema(
        operation_id="usage_by_service",
        tags=["usage"],
        parameters=[OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 50, default 10."), *WINDOW],
        responses=ByServiceResponse,
    )
    def get(self, request: Request) -> Response:
        """The services with the most events, and who uses them most."""
        return self.answered(request)

    def figures(self, scope: Scope, zone: ZoneInfo, query: dict[str, Any]) -> dict[str, Any]:
        services, whole = analytics.usage_by_service(scope=scope, limit=query["limit"])
        rows = [
            {
                "service_type": row.service_type,
                "event_count": row.tally.count,
                "unique_users": row.unique_users,
                "top_users": [{"user_id": user, "event_count": count} for user, count in row.top_users],
                "percentage_of_total": _cents(row.share),
                **_money(row.tally),
            }
            for row in services
        ]
        return {"services": rows, "total_events": whole.count}


class CostsView(AnalyticsView):
    asks, answers = CostsRequest, CostsResponse

    @extend_schema(
        operation_id="usage_costs",
        tags=["usage"],
        parameters=[
            OpenApiParameter("group_by", OpenApiTypes.STR, enum=PERIODS, description="Default: day."),
            *WINDOW,
        ],
        responses=CostsResponse,
    )
    def get(self, request: Request) -> Response:
        """What the senders said that their usage cost, by service and by period, never across currencies."""
        return self.answered(request)

    def figures(self, scope: Scope, zone: ZoneInfo, query: dict[str, Any]) -> dict[str, Any]:
        buckets = analytics.usage_by_period(
            scope=scope, period=query["group_by"], zone=zone, group_by=["service_type"]
        )
        services: defaultdict[str, list[Tally]] = defaultdict(list)
        periods: defaultdict[tuple[datetime, datetime], list[Tally]] = defaultdict(list)
        for row in buckets:
            services[row.group[0]].append(row.tally)
            periods[row.start, row.end].append(row.tally)
        return {
            **_money(analytics.total([row.tally for row in buckets])),
            "cost_by_service": {name: _money(analytics.total(own)) for name, own in sorted(services.items())},
            "cost_by_period": [
                {**_between(start, end), **_money(analytics.total(own))}
                for (start, end), own in periods.items()
            ],
        }


class TrendsView(AnalyticsView):
    asks, answers = TrendsRequest, TrendsResponse

    @extend_schema(
        operation_id="analytics_trends",
        tags=["usage"],
        parameters=[
            OpenApiParameter(
                "metric", OpenApiTypes.STR, enum=["event_count", "total_cost", "unique_users"],
                description="Default: event_count.",
            ),
            OpenApiParameter("period", OpenApiTypes.STR, enum=PERIODS, description="Default: day."),
            OpenApiParameter(
                "currency", OpenApiTypes.STR, description="Of total_cost, where there are several."
            ),
            *WINDOW,
        ],
        responses=TrendsResponse,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Where a figure is going: the mean of the later periods against that of the earlier ones.

        More than 5 % apart is up or down. Only periods that are wholly in the window count.
        """
        return self.answered(request)

    def figures(self, scope: Scope, zone: ZoneInfo, query: dict[str, Any]) -> dict[str, Any]:
        found = analytics.trend(
            scope=scope,
            metric=query["metric"],
            edges=analytics.complete_periods(scope.start, scope.end, query["period"], zone),
            currency=query.get("currency"),
        )
        points = [{**_between(start, end), "value": canonical(value)} for start, end, value in found.points]
        change = None if found.change is None else _cents(found.change)
        return {
            "metric": query["metric"],
            "period": query["period"],
            "data_points": points,
            "direction": found.direction,
            "percentage_change": change,
        }


def _scope(tenant: Tenant, query: dict[str, Any], zone: ZoneInfo) -> Scope:
    end = datetime.now(UTC)
    if "end_date" in query:
        end = zoned_moment("end_date", query["end_date"], zone, whole_day=True)
    start = end - DEFAULT_SPANS[query.get("period", "day")]
    if "start_date" in query:
        start = zoned_moment("start_date", query["start_date"], zone)
    if start >= end:
        raise ValidationError({"end_date": ["It must be after start_date."]})
    where = where_equal({name: query[name] for name in FILTERS if name in query})
    return Scope(tenant, start, end, where)


def _between(start: datetime, end: datetime) -> dict[str, datetime]:
    return {"period_start": start, "period_end": end}


def _money(tally: Tally) -> dict[str, Any]:
    totals = {currency: canonical(cost) for currency, cost in sorted(tally.costs.items())}
    currency, cost = next(iter(totals.items())) if len(totals) == 1 else (None, None)
    return {"total_cost": cost, "currency": currency, "totals": totals}


def _figures(tally: Tally) -> dict[str, Any]:
    metrics = {
        name: {
            "count": measure.n,
            "sum": canonical(measure.sum),
            "min": canonical(measure.min),
            "max": canonical(measure.max),
        }
        for name, measure in sorted(tally.metrics.items())
    }
    return {"event_count": tally.count, "metrics": metrics, **_money(tally)}


def _cents(number: Decimal) -> str:
    return format(number.quantize(analytics.CENT), "f")
