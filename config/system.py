"""How the platform is: service info, health, readiness, status and metrics. No credential needed.

None of these waits for a neighbour that hangs (see config.probes), and none names an address or a secret.
"""

from dataclasses import asdict
from typing import Any, Final

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.replica import ALIAS as REPLICA
from config import probes
from config.calls import calls
from config.exposition import exposition
from config.renderers import ExactJSONRenderer

SERVICE: Final = "skyledger"
SERVICE_STATE: Final = {"healthy": "up", "degraded": "up", "unhealthy": "down", "disabled": "disabled"}


class ServiceInfoResponse(serializers.Serializer[Any]):
    name = serializers.CharField()
    service = serializers.CharField()
    version = serializers.CharField()
    links = serializers.DictField(child=serializers.CharField())


class HealthResponse(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["healthy", "degraded", "unhealthy"])
    service = serializers.CharField()
    timestamp = serializers.DateTimeField()
    services = serializers.DictField(child=serializers.ChoiceField(["up", "down", "disabled"]))
    version = serializers.CharField()


class ReadyResponse(serializers.Serializer[Any]):
    database = serializers.BooleanField()
    redis = serializers.BooleanField()
    ingest = serializers.BooleanField()
    overall = serializers.BooleanField()


class ComponentResponse(serializers.Serializer[Any]):
    name = serializers.CharField()
    status = serializers.ChoiceField(["healthy", "degraded", "unhealthy", "disabled"])
    details = serializers.CharField()
    response_time_ms = serializers.FloatField()


class StatusResponse(serializers.Serializer[Any]):
    overall_status = serializers.ChoiceField(["healthy", "degraded", "unhealthy"])
    timestamp = serializers.DateTimeField()
    components = ComponentResponse(many=True)


class SystemView(APIView):
    """Open to anyone, uncounted, and always JSON: a probe sends what Accept header it likes."""

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = []
    renderer_classes = [ExactJSONRenderer]


class ServiceInfo(SystemView):
    name = "API"  # in the path that pages of the API show

    @extend_schema(responses=ServiceInfoResponse, tags=["system"], summary="What this service is")
    def get(self, request: Request) -> HttpResponseBase:
        if "text/html" in request.headers.get("Accept", ""):
            return calls(request) if request.path.startswith("/api") else HttpResponseRedirect("/console/")
        links = {name: f"/{name}" for name in ("docs", "redoc", "openapi.json", "health", "status")}
        links |= {"api": "/api/v1", "console": "/console/"}
        return Response(
            {"name": "Skyledger", "service": SERVICE, "version": settings.VERSION, "links": links}
        )


class Health(SystemView):
    @extend_schema(responses=HealthResponse, tags=["system"], summary="Is it alive, and what is missing")
    def get(self, request: Request) -> Response:
        questions: dict[str, probes.Question] = {
            "database": probes.database,
            "redis": probes.redis_server,
            "celery": probes.celery,
            "gcore": probes.gcore,
        }
        found = probes.examine(questions)
        services = {component.name: SERVICE_STATE[component.status] for component in found}
        return Response(
            {
                "status": overall(found),
                "service": SERVICE,
                "timestamp": timezone.now(),
                "services": services,
                "version": settings.VERSION,
            }
        )


class Ready(SystemView):
    @extend_schema(
        responses={200: ReadyResponse, 503: OpenApiResponse(ReadyResponse, "Send no traffic here.")},
        tags=["system"],
        summary="May traffic come",
    )
    def get(self, request: Request) -> Response:
        """Redis away does not make it unready: everything runs without it, slower."""
        questions = {"database": probes.database, "redis": probes.redis_server, "ingest": probes.event_queue}
        body = {c.name: c.status != "unhealthy" for c in probes.examine(questions)}
        body["overall"] = body["database"] and body["ingest"]
        if body["overall"]:
            return Response(body)
        return Response(body, status=503, headers={"Retry-After": "5"})


class Status(SystemView):
    @extend_schema(responses=StatusResponse, tags=["system"], summary="Every component and peer")
    def get(self, request: Request) -> Response:
        questions: dict[str, probes.Question] = {
            "api-local": lambda: ("healthy", f"version {settings.VERSION}"),
            "database": probes.database,
            "redis": probes.redis_server,
            "event_queue": probes.event_queue,
            "event_writer": probes.event_writer,
            "celery": probes.celery,
            "gcore": probes.gcore,
        }
        if REPLICA in settings.DATABASES:
            questions["replica"] = probes.replica
        found = probes.examine(questions | probes.peers())
        return Response(
            {
                "overall_status": overall(found),
                "timestamp": timezone.now(),
                "components": [asdict(component) for component in found],
            }
        )


class Metrics(SystemView):
    @extend_schema(
        responses={(200, "text/plain"): OpenApiTypes.STR}, tags=["system"], summary="Prometheus metrics"
    )
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")


def overall(found: list[probes.Component]) -> probes.Status:
    """Unhealthy when neither database nor Redis would take an event; degraded while anything is amiss."""
    status = {c.name: c.status for c in found}
    if status["database"] == "unhealthy" and status["redis"] in ("unhealthy", "disabled"):
        return "unhealthy"
    bad = any(c.status in ("unhealthy", "degraded") for c in found)
    return "degraded" if bad else "healthy"


class ActivityStreamHelp(SystemView):
    @extend_schema(responses=OpenApiTypes.OBJECT, tags=["system"], summary="How to open the activity stream")
    def get(self, request: Request, organization_id: str) -> Response:
        return Response(
            {
                "message": "This is a WebSocket; open it with an Upgrade request.",
                "url": "/ws/activity-stream/{organization_id}?since={last seq seen}",
                "organization_id": "slug or UUID of the tenant",
                "credential": [
                    "Authorization: Bearer <access token or API key>",
                    "Sec-WebSocket-Protocol: bearer, <access token or API key>",
                    "?token=<access token or API key>",
                    "the console's session cookie, from an allowed origin",
                ],
                "messages": [
                    "connected with user_id, role, last_seq",
                    "<noun>.<verb> with organization_id, ts, seq, payload",
                    "resync with last_seq: entries after ?since= are no longer kept; load anew, then go on",
                    "ping every 25 seconds",
                ],
                "close_codes": {
                    "1008": "bad credential, or a tenant that is not yours, also when it becomes so",
                    "1013": "the database is away; try again later",
                },
            }
        )
