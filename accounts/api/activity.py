"""What happened in the tenant, for clients that ask instead of listening."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import ActivityEntry
from accounts.permissions import principal_of
from accounts.principals import SHARED
from accounts.queries import activity_is_kept, activity_last, activity_since


class ActivityQuery(serializers.Serializer[Any]):
    since = serializers.IntegerField(
        min_value=0,
        max_value=2**63 - 1,
        default=None,
        help_text="Only entries after this `seq`; without it from the oldest that is kept.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)


class ActivityItem(serializers.ModelSerializer[ActivityEntry]):
    organization_id = serializers.UUIDField(source="tenant_id")
    payload = serializers.DictField()

    class Meta:
        model = ActivityEntry
        fields = ("seq", "ts", "type", "organization_id", "actor", "payload")


class ActivityResponse(serializers.Serializer[Any]):
    items = ActivityItem(many=True)
    next_since = serializers.IntegerField(help_text="Pass it as `since` to go on.")
    has_more = serializers.BooleanField()
    resync = serializers.BooleanField(
        help_text="Entries after `since` are no longer kept: what was learnt from them is to be loaded anew."
    )


class ActivityView(APIView):
    """Entries of the tenant in the order of their numbers, oldest first; guests get what is theirs."""

    required_scope = SHARED

    @extend_schema(
        parameters=[ActivityQuery, OpenApiParameter("tenant_id", str)],
        responses=ActivityResponse,
        tags=["activity"],
    )
    def get(self, request: Request) -> Response:
        query = ActivityQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        since, limit = query.validated_data["since"], query.validated_data["limit"]
        tenant = principal_of(request).home
        found = activity_since(tenant, since=since or 0, limit=limit + 1)
        items = found[:limit]
        resync = since is not None and not activity_is_kept(tenant, since=since)
        body = {
            "items": items,
            "next_since": items[-1].seq if items else activity_last(tenant) if resync else since or 0,
            "has_more": len(found) > limit,
            "resync": resync,
        }
        return Response(ActivityResponse(body).data)
