"""Invitations into a tenant."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.auth import OpenView, PasswordField
from accounts.api.base import TenantViewSet, validated
from accounts.models import Invitation, Membership, Scope
from accounts.services.invitations import invitation_accept, invitation_send, invitation_withdraw


class InvitationRequest(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(Membership.Role.choices, default=Membership.Role.MEMBER.value)


class InvitationResponse(serializers.ModelSerializer[Invitation]):
    class Meta:
        model = Invitation
        fields: tuple[str, ...] = ("id", "email", "role", "invited_by", "created_at", "expires_at")


class AcceptInvitationRequest(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=200, help_text="The end of the mailed link.")
    password = PasswordField(
        min_length=8, required=False, help_text="For the account; needed where there is none yet."
    )
    first_name = serializers.CharField(max_length=150, required=False)
    last_name = serializers.CharField(max_length=150, required=False)


class AcceptInvitationResponse(serializers.ModelSerializer[Membership]):
    tenant_id = serializers.UUIDField()
    tenant = serializers.CharField(source="tenant.slug")
    user_id = serializers.UUIDField()
    email = serializers.EmailField(source="user.email")

    class Meta:
        model = Membership
        fields: tuple[str, ...] = ("tenant_id", "tenant", "user_id", "email", "role")


@extend_schema_view(
    list=extend_schema(
        description="Those that are open, newest first; for the tenant's admins.",
        responses=InvitationResponse(many=True),
        tags=["tenants"],
    )
)
class InvitationsViewSet(ListModelMixin, TenantViewSet[Invitation]):
    """Who was asked into the tenant and has not come yet; for its admins."""

    queryset = Invitation.objects.filter(accepted_at=None, withdrawn_at=None)
    serializer_class = InvitationResponse
    filterset_fields = ("email", "role")
    required_scope = Scope.ADMIN

    @extend_schema(request=InvitationRequest, responses={201: InvitationResponse}, tags=["tenants"])
    def create(self, request: Request, tenant_id: str) -> Response:
        """Mail somebody a link that lets them in, with an account or without; once more sends it again."""
        given = validated(InvitationRequest, request)
        invitation = invitation_send(by=self.principal, tenant=self.principal.home, **given)
        return Response(InvitationResponse(invitation).data, status=201)

    @extend_schema(responses={204: OpenApiResponse(description="Withdrawn")}, tags=["tenants"])
    def destroy(self, request: Request, tenant_id: str, invitation_id: UUID) -> Response:
        """End an open invitation: its link does nothing any more."""
        invitation_withdraw(by=self.principal, tenant=self.principal.home, invitation_id=invitation_id)
        return Response(status=204)


class AcceptInvitationView(OpenView):
    """Become a member by a mailed link. Where there is no account of the address yet, `password` makes it."""

    @extend_schema(
        request=AcceptInvitationRequest, responses=AcceptInvitationResponse, tags=["auth"], auth=[]
    )
    def post(self, request: Request) -> Response:
        given = validated(AcceptInvitationRequest, request)
        self.count(request, given["token"])
        member = invitation_accept(code=given.pop("token"), **given)
        return Response(AcceptInvitationResponse(member).data)
