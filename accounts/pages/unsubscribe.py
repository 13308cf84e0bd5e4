"""The link at the end of a mail, for anyone who has it: signing in is not needed to have less mail."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.errors import AppError
from accounts.pages.gate import error_page
from accounts.services.mail_choices import mail_unsubscribe, unsubscribe_read


@csrf_exempt  # the link is the permission, and mail programs send the POST by themselves (RFC 8058)
@never_cache
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """A POST turns the mails off; a GET only asks, as virus scanners follow links."""
    try:
        tenant, kind, address = unsubscribe_read(token)
        if request.method == "POST":
            mail_unsubscribe(token=token)
    except AppError as error:
        return error_page(request, error)
    context = {"tenant": tenant, "kind": kind.label, "address": address, "done": request.method == "POST"}
    return render(request, "accounts/unsubscribe.html", context)
