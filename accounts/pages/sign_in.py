"""Signing in and out with a browser."""

from typing import Final

from django import forms
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django_ratelimit.core import is_ratelimited

from accounts.addresses import client_address
from accounts.errors import RateLimited
from accounts.models import User
from accounts.pages.gate import error_page, where_to
from accounts.pages.second_factor import METHOD, ask_second, enter
from accounts.principals import user_principal
from accounts.services.logs import audit
from accounts.services.second_factor import second_factor_wanted
from accounts.services.sessions import sign_in_refuse
from accounts.throttles import throttle_sign_in

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
        return redirect(where_to(request))
    form = SignInForm(request.POST or None)
    if form.is_valid():
        account: str = form.cleaned_data["account"]
        try:
            _count(request, account)
        except RateLimited as error:
            return error_page(request, error)
        user = _known(request, account, form.cleaned_data["password"])
        if user and second_factor_wanted(user):
            ask_second(request, user)
            return redirect(f"{reverse('console:second-factor')}?{urlencode({'next': where_to(request)})}")
        if user:
            enter(request, user)
            return redirect(where_to(request))
        form.add_error(None, "That e-mail or username and password do not match. Check both and try again.")
    wanted = request.POST.get("next") or request.GET.get("next", "")
    return render(request, "accounts/sign_in.html", {"form": form, "next": wanted})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    if isinstance(request.user, User):
        audit(by=user_principal(request.user), action="session.closed", subject=request.user)
    auth.logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


def _known(request: HttpRequest, account: str, password: str) -> User | None:
    """Whose password it is; a wrong one is audited."""
    user = auth.authenticate(request, username=account, password=password)
    if isinstance(user, User):
        return user
    sign_in_refuse(method=METHOD)
    return None


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
