"""Rules of showback."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.api.fields import Exact
from accounts.permissions import refuse_other_tenant
from inventory.models import AllocationRule, AllocationTarget
from inventory.services.allocations import (
    MOST_TARGETS,
    allocation_rule_create,
    allocation_rule_delete,
    allocation_rule_update,
)


class AllocationTargetRequest(serializers.Serializer[Any]):
    folder_id = serializers.UUIDField(required=False, help_text="A folder as such, or")
    product_id = serializers.UUIDField(required=False, help_text="a product.")
    share = serializers.DecimalField(
        max_digits=17, decimal_places=14, required=False, help_text="Of the method fixed: a percentage."
    )


class AllocationRuleUpdateRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255)
    priority = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, default=100, help_text="The lowest goes first."
    )
    filter = serializers.CharField(
        max_length=2000,
        help_text="As the cost_filter of a product, and by `product` and `folder`.",
    )
    method = serializers.ChoiceField(
        AllocationRule.Method.choices,
        default=AllocationRule.Method.EVEN.value,
        help_text="proportional: to what each target has of its own, that of negative ones being 0; evenly"
        " where none has anything.",
    )
    is_active = serializers.BooleanField(default=True)
    targets = serializers.ListField(child=AllocationTargetRequest(), min_length=1, max_length=MOST_TARGETS)


class AllocationRuleCreateRequest(AllocationRuleUpdateRequest):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")


class AllocationTargetResponse(serializers.ModelSerializer[AllocationTarget]):
    folder_id = serializers.UUIDField(allow_null=True)
    product_id = serializers.UUIDField(allow_null=True)
    share = Exact(allow_null=True)

    class Meta:
        model = AllocationTarget
        fields = ("folder_id", "product_id", "share")


class AllocationRuleResponse(serializers.ModelSerializer[AllocationRule]):
    organization_id = serializers.UUIDField(source="tenant_id")
    targets = AllocationTargetResponse(many=True)

    class Meta:
        model = AllocationRule
        fields: tuple[str, ...] = (
            "id", "organization_id", "name", "priority", "filter", "method", "is_active", "targets",
            "created_at", "updated_at",
        )  # fmt: skip


@extend_schema_view(
    list=extend_schema(
        operation_id="allocation_rules_list",
        description="The tenant's rules of showback, in the order in which they are asked.",
        responses=AllocationRuleResponse(many=True),
        tags=["folders"],
    ),
    retrieve=extend_schema(
        operation_id="allocation_rules_retrieve",
        description="One rule.",
        responses=AllocationRuleResponse,
        tags=["folders"],
    ),
)
class AllocationRuleViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[AllocationRule]):
    """Whom /costs/showback shows costs that a filter names. The first rule that matches has them all."""

    queryset = AllocationRule.objects.select_related("tenant").prefetch_related("targets")
    serializer_class = AllocationRuleResponse
    filterset_fields: tuple[str, ...] = ("is_active", "method")
    lookup_value_converter = "uuid"

    @extend_schema(
        operation_id="allocation_rules_create",
        request=AllocationRuleCreateRequest,
        responses={201: AllocationRuleResponse},
        tags=["folders"],
    )
    def create(self, request: Request) -> Response:
        """A new rule; 409 when the name is taken or there are 100."""
        given = validated(AllocationRuleCreateRequest, request)
        for name in ("tenant_id", "organization_id"):
            refuse_other_tenant(self.principal, given.pop(name))
        rule = allocation_rule_create(by=self.principal, tenant=self.principal.home, **given)
        return Response(AllocationRuleResponse(rule).data, status=201)

    @extend_schema(
        operation_id="allocation_rules_update",
        request=AllocationRuleUpdateRequest,
        responses=AllocationRuleResponse,
        tags=["folders"],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change it; targets are replaced as a whole."""
        changes = AllocationRuleUpdateRequest(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        rule = allocation_rule_update(
            by=self.principal, rule=self.get_object(), changes=changes.validated_data
        )
        return Response(AllocationRuleResponse(rule).data)

    @extend_schema(
        operation_id="allocation_rules_delete",
        responses={204: OpenApiResponse(description="Deleted")},
        tags=["folders"],
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Remove it; what it took is again whose it was."""
        allocation_rule_delete(by=self.principal, rule=self.get_object())
        return Response(status=204)
