"""Mail of the outbox: composed when it is sent, so that no code that it carries lies anywhere."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts.models import Delivery
from accounts.services.passwords import RESET_MAIL, password_reset_context

# What a text needs beyond its payload, and what must not be written down.
MADE_AT_SENDING: Final[Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    RESET_MAIL: password_reset_context,
}


def mail_send(delivery: Delivery) -> None:
    """Hand the mail to the mail server. The same Message-ID each time lets a reader see a repetition."""
    context = delivery.payload
    if make := MADE_AT_SENDING.get(delivery.event_type):
        context = context | make(context)
    subject, _, text = render_to_string(f"email/{delivery.event_type}.txt", context).partition("\n")
    message = EmailMultiAlternatives(
        subject.strip(), text.strip() + "\n", to=[delivery.target], headers={"Message-ID": _id_of(delivery)}
    )
    message.attach_alternative(render_to_string(f"email/{delivery.event_type}.html", context), "text/html")
    message.send()


def _id_of(delivery: Delivery) -> str:
    return f"<{delivery.pk}@skyledger>"
