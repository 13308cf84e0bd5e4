"""What the templates of mails need."""

from typing import Final

from django import template

register = template.Library()
MARKS: Final = 20


@register.filter
def marks(share: int) -> str:
    """A bar of up to MARKS signs for a share of 0 to 100 percent."""
    return "#" * max(round(share * MARKS / 100), share > 0)
