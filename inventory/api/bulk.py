"""Many rows in one call."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import validated
from accounts.permissions import IsSignedIn, entered, principal_of, tenant_names
from accounts.principals import Principal
from inventory.api.fields import tags_field
from inventory.models import Charge
from inventory.services.bulk import MOST_ROWS, Bulk, Sent, costs_bulk, resources_bulk


class BulkFrame(serializers.Serializer[Any]):
    organization_id = serializers.CharField(
        max_length=63, required=False, default="", allow_blank=True,
        help_text="UUID or slug of the tenant of all rows that name none.",
    )  # fmt: skip
    tenant_id = serializers.CharField(
        max_length=63, required=False, default="", allow_blank=True, help_text="The same."
    )
    account_id = serializers.CharField(
        max_length=255, required=False, default="", allow_blank=True,
        help_text="Account of all rows that have no `cloud_account_id`.",
    )  # fmt: skip


class ResourceItem(serializers.Serializer[Any]):
    organization_id = serializers.CharField(
        required=False, help_text="UUID or slug of a tenant of the caller."
    )
    cloud_account_id = serializers.CharField(
        max_length=255, required=False,
        help_text="UUID of one of the accounts, or what the provider calls it; a new one is made.",
    )  # fmt: skip
    provider = serializers.CharField(max_length=32)
    resource_id = serializers.CharField(max_length=600)
    resource_type = serializers.CharField(max_length=255)
    region = serializers.CharField(max_length=255)
    state = serializers.CharField(max_length=63)
    name = serializers.CharField(max_length=255, required=False)
    tags = tags_field(required=False, help_text="Replaces all tags; left out, they stay.")
    utilization = tags_field(required=False, help_text='Figures such as {"cpu": 3.5}.')
    details = tags_field(required=False, help_text='Such as {"size": "m5.large", "attached_to": "i-1"}.')
    cost_daily = serializers.DecimalField(38, 14, required=False, min_value=0)
    cost_monthly = serializers.DecimalField(38, 14, required=False, min_value=0)
    currency = serializers.CharField(max_length=3, required=False, help_text="Default: the tenant's.")
    created_at = serializers.DateTimeField(required=False)


class CostItem(serializers.Serializer[Any]):
    """Further columns: every text column of FOCUS in snake case, as in the answer of `/costs`."""

    organization_id = serializers.CharField(
        required=False, help_text="UUID or slug of a tenant of the caller."
    )
    cloud_account_id = serializers.CharField(max_length=255, required=False)
    provider = serializers.CharField(max_length=32)
    service_name = serializers.CharField(max_length=255)
    region = serializers.CharField(max_length=255, required=False)
    cost_date = serializers.DateField()
    usage_quantity = serializers.DecimalField(38, 18, required=False)
    usage_unit = serializers.CharField(max_length=255, required=False)
    cost_amount = serializers.DecimalField(38, 14, help_text="Below 0 for credits and refunds.")
    currency = serializers.CharField(max_length=3, required=False, help_text="Default: the tenant's.")
    effective_cost = serializers.DecimalField(38, 14, required=False, help_text="Default: cost_amount.")
    list_cost = serializers.DecimalField(38, 14, required=False)
    contracted_cost = serializers.DecimalField(38, 14, required=False)
    charge_category = serializers.ChoiceField(Charge.Category.choices, required=False)
    resource_id = serializers.CharField(max_length=600, required=False)
    sku_id = serializers.CharField(max_length=255, required=False)
    tags = tags_field(required=False)


class BulkRequest(BulkFrame):
    """Leaves the rows to inventory.columns."""

    items = serializers.ListField(min_length=1)


class ResourceBulkRequest(BulkFrame):
    items = ResourceItem(many=True)


class CostBulkRequest(BulkFrame):
    items = CostItem(many=True)


class BulkError(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Of the row in `items`, from 0.")
    field = serializers.CharField(help_text="Empty: the row as a whole.")
    message = serializers.CharField()


class BulkResponse(serializers.Serializer[Any]):
    inserted = serializers.IntegerField()
    updated = serializers.IntegerField(help_text="Rows whose key was there already, changed or not.")
    unchanged = serializers.IntegerField(help_text="How many of the updated ones said nothing new.")
    errors = BulkError(many=True)  # type: ignore[assignment]  # a field of that name


LIMITS = (
    f"At most {MOST_ROWS} rows. The good ones are written in one transaction, as if one after the other; the"
    " others are told with all that is wrong with them. 400 when no row is valid."
)


class _BulkView(APIView):
    # The rows name their tenants themselves, but may not leave one that the request names.
    permission_classes: list[type[BasePermission]] = [IsSignedIn]

    def sent(self, request: Request) -> tuple[Principal, Sent]:
        principal = entered(request) if tenant_names(request) else principal_of(request)
        body = validated(BulkRequest, request)
        organization = body["organization_id"] or body["tenant_id"]
        return principal, Sent(body["items"], organization, body["account_id"])

    def answer(self, bulk: Bulk) -> Response:
        return Response(BulkResponse(bulk._asdict()).data)


class ResourceBulkView(_BulkView):
    @extend_schema(
        operation_id="resources_bulk",
        tags=["resources"],
        description=f"Write resources, each known by its provider and resource_id. {LIMITS}",
        request=ResourceBulkRequest,
        responses=BulkResponse,
    )
    def post(self, request: Request) -> Response:
        principal, sent = self.sent(request)
        return self.answer(resources_bulk(by=principal, sent=sent))


class CostBulkView(_BulkView):
    @extend_schema(
        operation_id="costs_bulk",
        tags=["costs"],
        description="Write costs of whole days, each known by its provider, account, service, region, date,"
        f" unit, currency, resource, SKU and category. {LIMITS}",
        request=CostBulkRequest,
        responses=BulkResponse,
    )
    def post(self, request: Request) -> Response:
        principal, sent = self.sent(request)
        return self.answer(costs_bulk(by=principal, sent=sent))
