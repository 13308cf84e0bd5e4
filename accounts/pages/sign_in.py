"""Signing in and out with a browser."""

from typing import Final

from django import forms
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django_ratelimit.core import is_ratelimited

from accounts.addresses import client_address
from accounts.errors import RateLimited
from accounts.models import User
from accounts.pages.gate import error_page
from accounts.principals import user_principal
from accounts.services.logs import audit
from accounts.services.sessions import sign_in_refuse
from accounts.throttles import throttle_sign_in

METHOD: Final = "browser"
# Wider than the shared limit per address and account: one address guessing many accounts, and many
# addresses guessing one.
PER_ADDRESS: Final = "60/m"
PER_ACCOUNT: Final = "60/m"


class SignInForm(forms.Form):
    account = forms.CharField(
        label="E-mail or username",
        max_length=254,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autofocus": True,
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )
    password = forms.CharField(
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.method == "GET" and request.user.is_authenticated:
        return redirect(_next(request))
    form = SignInForm(request.POST or None)
    if form.is_valid():
        account: str = form.cleaned_data["account"]
        try:
            _count(request, account)
        except RateLimited as error:
            return error_page(request, error)
        if _enter(request, account, form.cleaned_data["password"]):
            return redirect(_next(request))
        form.add_error(None, "That e-mail or username and password do not match. Check both and try again.")
    return render(request, "accounts/sign_in.html", {"form": form, "next": request.GET.get("next", "")})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    if isinstance(request.user, User):
        audit(by=user_principal(request.user), action="session.closed", subject=request.user)
    auth.logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


def _enter(request: HttpRequest, account: str, password: str) -> bool:
    """Check the password and begin a session under a new key; success and failure are both audited."""
    user = auth.authenticate(request, username=account, password=password)
    if not isinstance(user, User):
        sign_in_refuse(method=METHOD)
        return False
    auth.login(request, user)
    audit(by=user_principal(user), action="session.opened", subject=user, changes={"method": [None, METHOD]})
    return True


def _count(request: HttpRequest, account: str) -> None:
    """Count one attempt, or raise RateLimited."""
    address = client_address(request.META)
    throttle_sign_in(address, account)
    keys = {"address": (address, PER_ADDRESS), "account": (account.strip().lower(), PER_ACCOUNT)}
    for name, (value, rate) in keys.items():
        if is_ratelimited(
            request,
            group=f"console-sign-in-{name}",
            key=lambda _group, _request, value=value: value,
            rate=rate,
            increment=True,
        ):
            raise RateLimited(
                "There were too many attempts to sign in. Wait a minute, then try again.",
                headers={"Retry-After": "60"},
            )


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is a page of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=False)
    return wanted if ours and wanted.startswith("/") else settings.LOGIN_REDIRECT_URL
