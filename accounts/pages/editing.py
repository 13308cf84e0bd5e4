"""A form for one thing: shown, saved by its verb, and shown again with what was wrong."""

import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.errors import AppError
from accounts.pages.filters import pointer
from accounts.pages.gate import show
from accounts.principals import Principal


def edited(
    request: HttpRequest,
    principal: Principal,
    template: str,
    *,
    form: forms.Form,
    save: Callable[[], str],
    there: str,
    **context: Any,
) -> HttpResponse:
    """What is posted and valid is saved by `save`, which says what it did; then go on `there`."""
    error = None
    if request.method == "POST" and form.is_valid():
        try:
            messages.success(request, save())
        except AppError as refused:
            error = refused
        else:
            return redirect(there)
    status = error.status if error else 400 if form.errors else 200
    told = {"error": error, "pointer": pointer(error) if error else None}
    return show(request, template, principal, status=status, form=form, **told, **context)


def addresses(text: str) -> list[str]:
    """E-mail addresses that stand with commas or spaces between them."""
    return [address for address in re.split(r"[\s,;]+", text) if address]
