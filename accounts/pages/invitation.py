"""The mailed link into a tenant: it asks for what is missing, and lets in once."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.addresses import client_address
from accounts.errors import AppError, ValidationFailed
from accounts.pages.gate import error_page
from accounts.pages.passwords import PasswordForm
from accounts.services.invitations import invitation_accept, invitation_read, needs_password
from accounts.throttles import throttle_sign_in


class NewAccountForm(PasswordForm):
    field_order = ("first_name", "last_name", "password")
    first_name = forms.CharField(
        max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "given-name"})
    )
    last_name = forms.CharField(
        max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "family-name"})
    )


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, code: str) -> HttpResponse:
    try:
        throttle_sign_in(client_address(request.META), code[:200])
        found = invitation_read(code)
        kind = NewAccountForm if needs_password(found) else forms.Form
        form = kind(request.POST if request.method == "POST" else None)
        done = form.is_valid() and _accept(code, form)
    except AppError as error:
        return error_page(request, error)
    context = {"invitation": found, "form": form, "done": done}
    return render(request, "accounts/invitation.html", context)


def _accept(code: str, form: forms.Form) -> bool:
    """Whether it was; what is wrong with a password is told at its field."""
    try:
        invitation_accept(code=code, **form.cleaned_data)
    except ValidationFailed as error:
        form.add_error("password", error.message)
        return False
    return True
