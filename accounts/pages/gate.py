"""The door of every console page: who is signed in, in which tenant, with times in their zone."""

import zoneinfo
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from accounts import row_security
from accounts.authentication import bind_to_log
from accounts.errors import AppError, NotFound, PermissionRefused, ValidationFailed
from accounts.models import Scope, User
from accounts.principals import Principal, user_principal

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, Principal, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
HEADINGS: Final = {
    400: "That did not work",
    401: "This link does not work",
    403: "You cannot open this",
    404: "Nothing here",
    409: "That is not possible now",
    413: "That is too large",
    429: "Too many attempts",
    503: "Back in a moment",
}
TENANT: Final = "tenant"  # in the session: the slug of the tenant that the person chose


def signed_in_page(page: Page[P]) -> View[P]:
    """A page for any signed-in person, given as a Principal outside any tenant."""

    @wraps(page)
    def view(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return _to_sign_in(request)
        person = user_principal(request.user)
        bind_to_log(person)
        with timezone.override(zoneinfo.ZoneInfo(request.user.timezone)):
            try:
                response = page(request, person, *args, **kwargs)
            except AppError as error:
                response = error_page(request, error)
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    return view


def tenant_page(scope: str = Scope.READ) -> Callable[[Page[P]], View[P]]:
    """A page inside the chosen tenant, for people whose role there holds `scope`."""

    def decorate(page: Page[P]) -> View[P]:
        @signed_in_page
        @wraps(page)
        def view(
            request: HttpRequest, person: Principal, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            principal = inside(request, person)
            if principal is None:
                return redirect("console:tenants")
            principal.require(scope)
            bind_to_log(principal)
            row_security.enter(principal.home.pk)
            return page(request, principal, *args, **kwargs)

        return view

    return decorate


def inside(request: HttpRequest, person: Principal) -> Principal | None:
    """The person in the tenant that they chose, or joined first; None when they have to choose."""
    try:
        return person.enter(request.session.get(TENANT))
    except (ValidationFailed, PermissionRefused, NotFound):
        request.session.pop(TENANT, None)
        return None


def show(
    request: HttpRequest, template: str, principal: Principal, *, status: int = 200, **context: Any
) -> HttpResponse:
    """Render a console page for `principal`; the layout shows their name and tenant."""
    return render(request, template, {"principal": principal, **context}, status=status)


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx asks for what changes in the page, and not for the page."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.history_restore_request


def error_page(request: HttpRequest, error: AppError) -> HttpResponse:
    """An error as a page that says what happened and where to go on."""
    heading = HEADINGS.get(error.status, "Something went wrong")
    context = {"heading": heading, "error": error, "request_id": getattr(request, "request_id", "")}
    response = render(request, "console/error.html", context, status=error.status)
    for name, value in error.headers.items():
        response.headers[name] = value
    return response


def where_to(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is a page of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=False)
    return wanted if ours and wanted.startswith("/") else settings.LOGIN_REDIRECT_URL


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    back = request.get_full_path() if request.method == "GET" else "/console/"
    response = redirect_to_login(back)
    return HttpResponseClientRedirect(response.url) if getattr(request, "htmx", False) else response
