"""Which mails the caller wants from the tenant."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import PermissionRefused
from accounts.permissions import principal_of
from accounts.principals import SHARED, Principal
from accounts.services.mail_choices import mail_choices, mail_choices_set


class MailPreferences(serializers.Serializer[Any]):
    alerts = serializers.BooleanField(required=False, help_text="Alerts, budgets and differences found.")
    approvals = serializers.BooleanField(required=False, help_text="Requests for approval.")
    digest = serializers.BooleanField(required=False, help_text="The weekly digest.")


class MailPreferencesView(APIView):
    """The person's own, in the tenant; mails about the account itself cannot be turned off."""

    required_scope = SHARED

    @extend_schema(
        parameters=[OpenApiParameter("tenant_id", str)], responses=MailPreferences, tags=["accounts"]
    )
    def get(self, request: Request) -> Response:
        return self._answer(principal_of(request))

    @extend_schema(
        parameters=[OpenApiParameter("tenant_id", str)],
        request=MailPreferences,
        responses=MailPreferences,
        tags=["accounts"],
    )
    def patch(self, request: Request) -> Response:
        """Turn kinds of mail on or off; those that are not named stay as they are."""
        principal = principal_of(request)
        address = _address(principal)
        given = MailPreferences(data=request.data)
        given.is_valid(raise_exception=True)
        mail_choices_set(by=principal, tenant=principal.home, address=address, wanted=given.validated_data)
        return self._answer(principal)

    def _answer(self, principal: Principal) -> Response:
        return Response(mail_choices(tenant=principal.home, address=_address(principal)))


def _address(principal: Principal) -> str:
    """Errors: 403 for a key, which is nobody's mailbox."""
    if principal.kind != "user" or principal.user is None:
        raise PermissionRefused("Only a person has mail; sign in as one.")
    return principal.user.email
