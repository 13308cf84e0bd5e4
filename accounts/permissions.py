"""What a view asks of its caller: a credential, a tenant, a scope."""

from typing import Any, Final

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts import row_security
from accounts.authentication import bind_to_log
from accounts.errors import AuthenticationRequired, PermissionRefused
from accounts.models import Scope
from accounts.principals import Principal, is_named

TENANT_PARAMETERS: Final = ("tenant_id", "organization_id")


def principal_of(request: Request) -> Principal:
    if not isinstance(request.auth, Principal):
        raise AuthenticationRequired
    return request.auth


def tenant_names(request: Request, view: Any = None) -> list[str]:
    """What the request calls its tenant by header, query and path."""
    names = [request.headers.get("X-Tenant-ID"), *(request.query_params.get(p) for p in TENANT_PARAMETERS)]
    names += [getattr(view, "kwargs", {}).get(p) for p in TENANT_PARAMETERS]
    return [str(name) for name in names if name]


def entered(request: Request, view: Any = None) -> Principal:
    """The caller inside the tenant that the request names; every name given must be that one's."""
    names = tenant_names(request, view)
    principal = principal_of(request).enter(names[0] if names else None)
    if not all(is_named(principal.home, name) for name in names):
        raise PermissionRefused("The request names two tenants.")
    return principal


def refuse_other_tenant(principal: Principal, name: Any) -> None:
    """A tenant named in a body must be the one that the caller acts in."""
    if name not in (None, "") and not is_named(principal.home, str(name)):
        raise PermissionRefused("The body names a tenant that this credential does not act in.")


class HasScope(BasePermission):
    """Enters the tenant and checks the scope; the default of every API view.

    A view may set `required_scope` (one name, or method → name); otherwise reading needs `read` and
    everything else `write`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        principal = entered(request, view)
        principal.require(_scope_for(request, view))
        request.auth = principal
        bind_to_log(principal)
        row_security.enter(principal.home.pk)
        return True


class IsSignedIn(BasePermission):
    """Any good credential, outside any tenant; a tenant that is named all the same must be the caller's."""

    def has_permission(self, request: Request, view: Any) -> bool:
        principal_of(request)
        if tenant_names(request, view):
            entered(request, view)
        return True


class IsReader(IsSignedIn):
    """The same, but a key must be one that reads: those that only send learn nothing."""

    def has_permission(self, request: Request, view: Any) -> bool:
        principal = principal_of(request)
        if principal.kind == "api_key":
            principal.require(Scope.READ)
        return super().has_permission(request, view)


class IsPlatform(BasePermission):
    """Platform staff and the master token."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not principal_of(request).platform:
            raise PermissionRefused("Only platform administrators may do this.")
        return True


def _scope_for(request: Request, view: Any) -> str:
    wanted = getattr(view, "required_scope", None)
    if isinstance(wanted, dict):
        wanted = wanted.get(request.method)
    return wanted or (Scope.READ if request.method in SAFE_METHODS else Scope.WRITE)
