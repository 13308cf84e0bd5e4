"""A person's own profile; above all the time zone in which the console shows times."""

import zoneinfo
from functools import cache

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.pages.gate import inside, show, signed_in_page
from accounts.principals import Principal
from accounts.services.users import user_update


@cache
def _zones() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())]


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    timezone = forms.ChoiceField(
        label="Time zone", choices=_zones, help_text="The console shows all times in this zone."
    )

    class Meta:
        model = User
        fields = ["first_name", "last_name", "job_title", "timezone"]


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
    return show(request, "accounts/profile.html", inside(request, person) or person, form=form)
