"""A form for one thing: shown, saved by its verb, and shown again with what was wrong."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.errors import AppError, NotFound
from accounts.pages.filters import pointer
from accounts.pages.gate import show
from accounts.principals import Principal


def edited(
    request: HttpRequest,
    principal: Principal,
    template: str,
    *,
    found: Any | None,
    form: forms.Form,
    save: Callable[[], str],
    delete: Callable[[Any], str],
    there: str,
    **context: Any,
) -> HttpResponse:
    """What is posted and valid is saved, or what was `found` deleted by the button `do`; then go on `there`.

    `save` and `delete` say what they did.
    """
    error = None
    deletes = found is not None and request.POST.get("do") == "delete"
    if request.method == "POST" and (deletes or form.is_valid()):
        try:
            messages.success(request, delete(found) if deletes else save())
        except AppError as refused:
            error = refused
        else:
            return redirect(there)
    status = error.status if error else 400 if form.errors else 200
    told = {"there": there, "error": error, "pointer": pointer(error) if error else None}
    return show(request, template, principal, status=status, found=found, form=form, **told, **context)


def one_of(rows: QuerySet[Any], pk: UUID, noun: str) -> Any:
    """The row of that id. Errors: 404."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no such {noun} in this tenant.")
    return found


def addresses(text: str) -> list[str]:
    """E-mail addresses that stand with commas or spaces between them."""
    return [address for address in re.split(r"[\s,;]+", text) if address]
