"""The second step of signing in, and setting it up."""

import time
from typing import Final

import segno
from django import forms
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.addresses import client_address
from accounts.errors import AppError, RateLimited
from accounts.models import User
from accounts.pages.gate import error_page, where_to
from accounts.principals import user_principal
from accounts.services.logs import audit
from accounts.services.second_factor import (
    second_factor_begin,
    second_factor_check,
    second_factor_confirm,
    second_factor_of,
)
from accounts.services.sessions import sign_in_refuse
from accounts.throttles import throttle_sign_in
from accounts.totp import totp_uri

METHOD: Final = "browser"
PENDING: Final = "second_factor"  # in the session: who gave the right password, and when
PENDING_SECONDS: Final = 300


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code of your authenticator app, or a recovery code",
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}
        ),
    )


def ask_second(request: HttpRequest, user: User) -> None:
    """Remember in a new session who gave the right password; nobody is signed in yet."""
    request.session.flush()
    request.session[PENDING] = [str(user.pk), user.password_mark, time.time()]


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    user = _pending(request) or request.user
    if not isinstance(user, User):
        return redirect("console:sign-in")
    if user == request.user and second_factor_of(user):
        return redirect("console:profile")
    form = CodeForm(request.POST or None)
    try:
        if form.is_valid():
            throttle_sign_in(client_address(request.META), user.email)
            return _go_on(request, user, form.cleaned_data["code"])
    except RateLimited as error:
        return error_page(request, error)
    except AppError as error:
        form.add_error(None, error.message)
    return render(
        request, "accounts/second_factor.html", {"form": form, "next": where_to(request), **_picture(user)}
    )


def _go_on(request: HttpRequest, user: User, code: str) -> HttpResponse:
    """Signed in with a right code; whoever sets the app up sees the recovery codes first."""
    enrolled = second_factor_of(user) is not None
    recovery = [] if enrolled else second_factor_confirm(user=user, code=code)
    if enrolled:
        _check(user, code)
    if user != request.user:
        enter(request, user)
    if enrolled:
        return redirect(where_to(request))
    return render(request, "accounts/second_factor.html", {"recovery": recovery, "next": where_to(request)})


def _check(user: User, code: str) -> None:
    try:
        second_factor_check(user=user, code=code)
    except AppError:
        sign_in_refuse(method=METHOD)
        raise


def enter(request: HttpRequest, user: User) -> None:
    """Begin a session under a new key."""
    auth.login(request, user)
    request.session.pop(PENDING, None)
    audit(by=user_principal(user), action="session.opened", subject=user, changes={"method": [None, METHOD]})


def _pending(request: HttpRequest) -> User | None:
    """Who gave the right password a moment ago, unless it was changed since."""
    pk, mark, at = request.session.get(PENDING) or ["", "", 0.0]
    if time.time() - at > PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    return user if user and user.password_mark == mark else None


def _picture(user: User) -> dict[str, str]:
    """For whoever has no app yet: the QR code, and its text to type."""
    if second_factor_of(user):
        return {}
    secret = second_factor_begin(user=user)
    drawn = segno.make(totp_uri(secret, user.email)).svg_inline(scale=5, light="#fff")
    return {"secret": secret, "picture": mark_safe(drawn)}  # noqa: S308  (drawn here, of our own text)
