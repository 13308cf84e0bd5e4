"""The dashboard."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.kept import KEEP_SECONDS
from accounts.permissions import principal_of
from builds.queries.dashboard import MOST, RECENT, dashboard_platform, dashboard_recent, dashboard_summary
from builds.queries.metrics import LEAST_SAMPLES, MOST_ROWS, Slice, dashboard_metrics


class DashboardBuild(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    build_id = serializers.CharField()
    platform = serializers.CharField()
    os_version = serializers.CharField()
    image_type = serializers.CharField()
    project = serializers.CharField(allow_null=True)
    platform_id = serializers.CharField(help_text="The slug, as in the first edition.")
    os_version_id = serializers.CharField(help_text="The slug.")
    image_type_id = serializers.CharField(help_text="The slug.")
    state_code = serializers.IntegerField()
    status = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class SummaryResponse(serializers.Serializer[Any]):
    total_builds = serializers.IntegerField(help_text="Each build is counted once, by where it stands.")
    status_counts = serializers.DictField(child=serializers.IntegerField())
    active_builds = serializers.IntegerField(help_text="Pending and in progress.")
    completed_builds = serializers.IntegerField()
    failed_builds = serializers.IntegerField()
    platforms = serializers.IntegerField(help_text="How many there are to build for.")
    projects = serializers.IntegerField()
    builds_by_platform = serializers.DictField(child=serializers.IntegerField())
    builds_by_state = serializers.DictField(child=serializers.IntegerField())
    recent_builds = DashboardBuild(many=True, help_text=f"The newest {RECENT}.")


class RecentResponse(serializers.Serializer[Any]):
    recent_builds = DashboardBuild(many=True)


class PlatformStatistics(serializers.Serializer[Any]):
    total_builds = serializers.IntegerField()
    oldest_build = serializers.DateTimeField(allow_null=True)
    newest_build = serializers.DateTimeField(allow_null=True)
    status_counts = serializers.DictField(child=serializers.IntegerField())


class PlatformDashboardResponse(serializers.Serializer[Any]):
    platform = serializers.CharField()
    builds = DashboardBuild(many=True)
    statistics = PlatformStatistics()
    state_distribution = serializers.DictField(child=serializers.IntegerField())


class Times(serializers.Serializer[Any]):
    """By nearest rank; null under the least number of samples."""

    n = serializers.IntegerField()
    p50_seconds = serializers.FloatField(allow_null=True)
    p90_seconds = serializers.FloatField(allow_null=True)
    p95_seconds = serializers.FloatField(allow_null=True)


class StateTimes(Times):
    state_code = serializers.IntegerField()
    attempts = serializers.IntegerField(help_text="Those too of which nobody knows how long they took.")
    failure_rate = serializers.FloatField(allow_null=True, help_text="Failed ones among the attempts.")


class DwellTimes(Times):
    state_code = serializers.IntegerField()
    platform = serializers.CharField()
    os_version = serializers.CharField()
    image_type = serializers.CharField()


class Share(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    value = serializers.FloatField(allow_null=True, help_text="0 to 1.")


class MeanTime(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    mean_seconds = serializers.FloatField(allow_null=True)


class EndedCounts(serializers.Serializer[Any]):
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class OpenCounts(serializers.Serializer[Any]):
    builds = serializers.IntegerField()
    stuck = serializers.IntegerField(help_text="They sent heartbeats, and these stopped.")
    overdue = serializers.IntegerField(help_text="Longer in their state than twice the expected.")


class MetricsResponse(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(
        help_text=f"When it was counted: now, or up to {KEEP_SECONDS} s ago where that takes long."
    )
    least_samples = serializers.IntegerField(help_text="A figure of fewer is null.")
    states = StateTimes(many=True, help_text="Time in each state, over all builds.")
    dwell = DwellTimes(many=True, help_text=f"The same by what is built; the {MOST_ROWS} of most samples.")
    dwell_complete = serializers.BooleanField()
    queue_time = Times(help_text="From creation to the first code above 0.")
    lead_time = Times(help_text="From creation to 100.")
    ended = EndedCounts()
    failed_by_fault = serializers.DictField(child=serializers.IntegerField())
    failure_rate = Share(help_text="Failed among completed and failed; cancelled builds do not count.")
    first_pass_yield = Share(help_text="Completed without a failed attempt, among completed and failed.")
    mttr = MeanTime(help_text="From a build's first failure to its completion.")
    resume_success = Share(help_text="Resumes that led to 100, among those that ended by themselves.")
    open_now = OpenCounts()


class LimitRequest(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=RECENT)


class PlatformRequest(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=MOST)


class MetricsRequest(serializers.Serializer[Any]):
    days = serializers.IntegerField(min_value=1, max_value=365, default=30)
    platform = serializers.CharField(max_length=63, default="", allow_blank=True)
    os_version = serializers.CharField(max_length=63, default="", allow_blank=True)
    image_type = serializers.CharField(max_length=63, default="", allow_blank=True)


def _asked(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    read = serializer(data=request.query_params)
    read.is_valid(raise_exception=True)
    found: dict[str, Any] = read.validated_data
    return found


def _limit(default: int) -> OpenApiParameter:
    return OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {MOST}, default {default}.")


class SummaryView(APIView):
    @extend_schema(operation_id="dashboard_summary", responses=SummaryResponse, tags=["dashboard"])
    def get(self, request: Request) -> Response:
        """The tenant's builds at a glance."""
        return Response(dashboard_summary(principal_of(request).home))


class RecentView(APIView):
    @extend_schema(
        operation_id="dashboard_recent", parameters=[_limit(RECENT)], responses=RecentResponse,
        tags=["dashboard"],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """The newest builds."""
        return Response(dashboard_recent(principal_of(request).home, **_asked(LimitRequest, request)))


class PlatformView(APIView):
    @extend_schema(
        operation_id="dashboard_platform", parameters=[_limit(MOST)], responses=PlatformDashboardResponse,
        tags=["dashboard"],
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        """The builds of one platform, the newest first, and how many there are."""
        given = _asked(PlatformRequest, request)
        return Response(dashboard_platform(principal_of(request).home, slug, **given))


class MetricsView(APIView):
    @extend_schema(
        operation_id="dashboard_metrics",
        parameters=[MetricsRequest],
        responses=MetricsResponse,
        tags=["dashboard"],
        description=f"How long builds take, how often they fail and how they recover, over the last days."
        f" Every figure says of how many samples it is; of fewer than {LEAST_SAMPLES} it is null.",
    )
    def get(self, request: Request) -> Response:
        asked = Slice(**_asked(MetricsRequest, request))
        return Response(dashboard_metrics(principal_of(request).home, asked))
