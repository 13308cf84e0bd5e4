"""What the API's views are built on."""

from copy import copy
from functools import cache
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from accounts.permissions import principal_of
from accounts.principals import Principal

M = TypeVar("M", bound=Model)


def validated(serializer: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    """The body as a request serializer understands it, or 400 with every field that is wrong."""
    read = copy(_made(serializer))  # type: ignore[arg-type]  # classes are hashable
    read.initial_data = request.data
    read.is_valid(raise_exception=True)
    found: dict[str, Any] = read.validated_data
    return found


@cache
def _made(serializer: type[BaseSerializer[Any]]) -> Any:
    """One whose fields are made, for all calls: that takes longer than to hold a body against them.

    Nothing is kept in fields while they validate.
    """
    made: Any = serializer()
    made.fields  # noqa: B018  (made when first asked for)
    return made


class TenantViewSet(GenericViewSet[M]):
    """Base of every viewset over what a tenant owns.

    `queryset` is narrowed to the tenant that the caller has entered; without one nothing is found, but
    the call refused, whatever the view does.
    """

    @property
    def principal(self) -> Principal:
        return principal_of(self.request)

    def get_queryset(self) -> QuerySet[M]:
        rows: Any = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):  # the schema is written without a caller
            return rows.none()  # type: ignore[no-any-return]
        return rows.for_tenant(self.principal.home)  # type: ignore[no-any-return]

    def filter_queryset(self, queryset: Any) -> Any:
        """The filters belong to the list; one row is found by its id alone."""
        return queryset if self.detail else super().filter_queryset(queryset)


class NoStoreMixin(APIView):
    """For answers that hold a secret: nobody on the way keeps a copy, and no Idempotency-Key repeats it."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "no-store"
        return answer
