"""Mail of the outbox: composed when it is sent, so that no code that it carries lies anywhere."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts.models import Delivery
from accounts.services.invitations import INVITATION_MAIL, invitation_context
from accounts.services.mail_choices import unsubscribe_url
from accounts.services.passwords import RESET_MAIL, password_reset_context

# What a text needs beyond its payload, and what must not be written down.
MADE_AT_SENDING: Final[Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    RESET_MAIL: password_reset_context,
    INVITATION_MAIL: invitation_context,
}


def mail_send(delivery: Delivery) -> None:
    """Hand the mail to the mail server. The same Message-ID each time lets a reader see a repetition."""
    mail_compose(delivery).send()


def mail_compose(delivery: Delivery) -> EmailMultiAlternatives:
    """The mail as text and HTML. Errors: NotFound when what it tells is over."""
    context = delivery.payload
    if make := MADE_AT_SENDING.get(delivery.event_type):
        context = context | make(context)
    stop = unsubscribe_url(delivery)
    context = _in_lines(context) | {"unsubscribe_url": stop}
    lines = render_to_string(f"email/{delivery.event_type}.txt", context).strip().splitlines()
    subject, text = lines[0], "\n".join(line.rstrip() for line in lines[1:]).strip("\n")
    footer = f"\n\n-- \nNo more of these mails: {stop}" if stop else ""
    message = EmailMultiAlternatives(
        subject, f"{text}{footer}\n", to=[delivery.target], headers=_headers(delivery, stop)
    )
    message.attach_alternative(render_to_string(f"email/{delivery.event_type}.html", context), "text/html")
    return message


def _in_lines(value: Any) -> Any:
    """Each text on one line, so that no name breaks out of a subject or adds lines to a text."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, dict):
        return {key: _in_lines(inner) for key, inner in value.items()}
    return [_in_lines(inner) for inner in value] if isinstance(value, list) else value


def _headers(delivery: Delivery, stop: str) -> dict[str, str]:
    headers = {"Message-ID": _id_of(delivery)}
    if stop:  # RFC 8058: the mail program sends a POST, and nobody has to look at a page
        headers |= {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return headers


def _id_of(delivery: Delivery) -> str:
    return f"<{delivery.pk}@skyledger>"
