"""A person's own profile; above all the time zone in which the console shows times."""

from functools import cache
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from accounts.models.tenancy import time_zones
from accounts.pages.gate import inside, show, signed_in_page, tenant_page
from accounts.principals import SHARED, Principal
from accounts.services.mail_choices import mail_choices, mail_choices_set
from accounts.services.second_factor import second_factor_of
from accounts.services.users import user_update


@cache
def _zones() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in sorted(time_zones())]


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    timezone = forms.ChoiceField(
        label="Time zone", choices=_zones, help_text="The console shows all times in this zone."
    )

    class Meta:
        model = User
        fields = ["first_name", "last_name", "job_title", "timezone"]


class MailForm(forms.Form):
    alerts = forms.BooleanField(label="Alerts, budgets and differences found", required=False)
    approvals = forms.BooleanField(label="Requests for approval", required=False)
    digest = forms.BooleanField(label="The weekly digest", required=False)


@require_http_methods(["GET", "POST"])
@signed_in_page
def profile(request: HttpRequest, person: Principal) -> HttpResponse:
    assert person.user is not None  # noqa: S101  (the gate lets only people in)
    user = User.objects.get(pk=person.user.pk)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        user_update(by=person, user=user, changes=form.cleaned_data)
        messages.success(request, "Your profile is saved.")
        return redirect("console:profile")
    here = inside(request, person)
    choices = here and MailForm(mail_choices(tenant=here.home, address=user.email))
    context: dict[str, Any] = {"form": form, "mail": choices, "second_factor": second_factor_of(user)}
    return show(request, "accounts/profile.html", here or person, **context)


@require_POST
@tenant_page(SHARED)
def mail(request: HttpRequest, principal: Principal) -> HttpResponse:
    assert principal.user is not None  # noqa: S101  (the gate lets only people in)
    form = MailForm(request.POST)
    form.full_clean()
    mail_choices_set(
        by=principal, tenant=principal.home, address=principal.user.email, wanted=form.cleaned_data
    )
    messages.success(request, "Your choice of mails is saved.")
    return redirect("console:profile")
