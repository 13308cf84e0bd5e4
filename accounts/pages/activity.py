"""What happened in the tenant, the newest first, as it happens."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.pages.gate import show, tenant_page, wants_part
from accounts.pages.paging import BEFORE, newest
from accounts.principals import SHARED, Principal
from accounts.queries import activity_about, activity_last, activity_nouns
from accounts.templatetags.console import words


class ActivityFilter(forms.Form):
    noun = forms.ChoiceField(label="About", required=False)

    def __init__(self, nouns: list[str], data: Any) -> None:
        super().__init__(data)
        field: Any = self.fields["noun"]
        field.choices = [("", "Everything"), *((noun, words(noun)) for noun in nouns)]


@require_safe
@tenant_page(SHARED)
def activity(request: HttpRequest, principal: Principal) -> HttpResponse:
    """A page of entries; htmx asks for the rows alone, when entries arrive."""
    live_since = activity_last(principal.home)  # before the rows are read: none is missed between
    asked = request.GET.get("noun", "")[:64].replace("\x00", "")
    nouns = sorted({*activity_nouns(principal.home), *([asked] if asked else [])})
    return show(
        request,
        "accounts/activity_rows.html" if wants_part(request) else "accounts/activity.html",
        principal,
        form=ActivityFilter(nouns, request.GET),
        noun=asked,
        page=newest(activity_about(principal.home, asked), request, by="seq", read=int),
        is_first=BEFORE not in request.GET,
        live_since=live_since,
    )
