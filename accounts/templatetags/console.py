"""What the console's templates need to show numbers, names and objects to people."""

import json
from decimal import Decimal
from typing import Any

from django import template

from accounts.wire import encode

register = template.Library()


@register.filter
def number(value: int | Decimal | float | None) -> str:
    """1234567 → 1,234,567; nothing → a hyphen."""
    return "-" if value is None else f"{value:,}".removesuffix(".0")


@register.filter
def words(value: str) -> str:
    """`api_key.created` → Api key created, as a sentence begins."""
    text = value.replace(".", " ").replace("_", " ").strip().capitalize()
    return text.replace("Api ", "API ")


@register.filter
def share(part: int, whole: int) -> str:
    """A part of a whole in percent with one decimal."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


@register.filter
def who(actor: str) -> str:
    """`user:a@b.com` → a@b.com; `key:abc` → API key abc…; else as it is."""
    kind, _, name = actor.partition(":")
    return {"user": name, "key": f"API key {name}…"}.get(kind, actor)


@register.filter
def pretty_json(value: Any) -> str:
    """JSON for reading: indented, exact."""
    return json.dumps(json.loads(encode(value), parse_float=str), indent=2, ensure_ascii=False)
