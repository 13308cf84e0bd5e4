"""The way back in for those who forgot their password: a mail is asked for, its link sets a new one."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.addresses import client_address
from accounts.errors import AppError, ValidationFailed
from accounts.pages.gate import error_page
from accounts.services.passwords import password_reset_confirm, password_reset_read, password_reset_request
from accounts.throttles import throttle_sign_in


class AddressForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class PasswordForm(forms.Form):
    password = forms.CharField(
        label="Choose a password",
        min_length=8,
        max_length=1024,
        strip=False,
        help_text="At least 8 characters, and not a common one.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


@never_cache
@require_http_methods(["GET", "POST"])
def forgotten_password(request: HttpRequest) -> HttpResponse:
    """The answer is the same whether there is such an account or not."""
    form = AddressForm(request.POST or None)
    done = form.is_valid()
    if done:
        email = form.cleaned_data["email"]
        try:
            throttle_sign_in(client_address(request.META), email)
        except AppError as error:
            return error_page(request, error)
        password_reset_request(email=email)
    return render(request, "accounts/forgotten_password.html", {"form": form, "done": done})


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def new_password(request: HttpRequest, code: str) -> HttpResponse:
    form = PasswordForm(request.POST or None)
    try:
        throttle_sign_in(client_address(request.META), code.partition(".")[0])
        user = password_reset_read(code=code)
        done = form.is_valid() and _set(code, form)
    except AppError as error:
        return error_page(request, error)
    context = {"email": user.email, "form": form, "done": done}
    return render(request, "accounts/new_password.html", context)


def _set(code: str, form: forms.Form) -> bool:
    """Whether it was; what is wrong with it is told at its field."""
    try:
        password_reset_confirm(code=code, password=form.cleaned_data["password"])
    except ValidationFailed as error:
        form.add_error("password", error.message)
        return False
    return True
