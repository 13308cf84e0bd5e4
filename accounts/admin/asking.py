"""The question before something is done to rows of a list."""

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.admin.desk import Page
from accounts.errors import AppError

MOST: Final = 100  # rows of one confirmed action


def confirmed(
    page: Page,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    action: str,
    title: str,
    verb: Callable[[Any], object],
) -> HttpResponse | None:
    """Ask, and on "yes" do `verb` to each row; all of them or none."""
    chosen = asked(page, request, rows, action=action, title=title)
    if not isinstance(chosen, list):
        return chosen
    try:
        with transaction.atomic():
            for row in chosen:
                verb(row)
    except AppError as error:
        page.message_user(request, f"Nothing was done. {error.message}", messages.ERROR)
    else:
        page.message_user(request, f"{title}: {len(chosen)} done.", messages.SUCCESS)
    return None


def each_confirmed(
    page: Page,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    action: str,
    title: str,
    verb: Callable[..., object],
    form: type[forms.Form] = forms.Form,
) -> HttpResponse | None:
    """Ask, and on "yes" do `verb` to each row by itself: one that is refused holds up no other.

    `verb` gets what was written into the fields of `form` by their names.
    """
    sent = request.POST.get("confirmed") == "yes"
    filled = form(request.POST if sent else None)
    chosen = asked(page, request, rows, action=action, title=title, form=filled, ready=filled.is_valid())
    if not isinstance(chosen, list):
        return chosen
    done = 0
    for row in chosen:
        try:
            verb(row, **filled.cleaned_data)
            done += 1
        except AppError as error:
            page.message_user(request, f"{row}: {error.message}", messages.ERROR)
    level = messages.SUCCESS if done == len(chosen) else messages.WARNING
    page.message_user(request, f"{title}: {done} of {len(chosen)} done.", level)
    return None


def asked(
    page: Page,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    action: str,
    title: str,
    ready: bool = True,
    form: forms.Form | None = None,
) -> list[Any] | HttpResponse | None:
    """The rows once somebody said "yes" and all is `ready`, else the question; None: they are too many."""
    chosen = list(rows[: MOST + 1])
    if len(chosen) > MOST:
        page.message_user(request, f"Choose at most {MOST} at a time.", messages.ERROR)
        return None
    if request.POST.get("confirmed") == "yes" and ready:
        return chosen
    described = page.get_action(action)
    shown = {
        **page.admin_site.each_context(request),
        "title": title,
        "described": described[2] if described else title,
        "noun": page.opts.verbose_name if len(chosen) == 1 else page.opts.verbose_name_plural,
        "rows": chosen,
        "action": action,
        "opts": page.opts,
        "checkbox": ACTION_CHECKBOX_NAME,
        "form": form,
    }
    return TemplateResponse(request, "admin/accounts/confirm.html", shown)


@admin.action(description="Delete", permissions=["delete"])
def delete_chosen(page: Page, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    title = f"Delete these {page.opts.verbose_name_plural}"
    return confirmed(
        page, request, rows, action="delete_chosen", title=title,
        verb=lambda row: page.delete_model(request, row),
    )  # fmt: skip
