"""What the console's templates need to show numbers, names and objects to people."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from django import template

from accounts.exact import canonical, text_of
from accounts.wire import encode

register = template.Library()
CENT: Final = Decimal("0.01")
NAMES: Final = ("build_id", "name", "slug", "file_name", "event_id", "number", "host", "email", "kind")


@register.filter
def number(value: int | Decimal | float | None) -> str:
    """1234567 → 1,234,567; nothing → a hyphen."""
    return "-" if value is None else f"{value:,}".removesuffix(".0")


@register.filter
def exact(value: Decimal) -> str:
    """A decimal with all its digits and its thousands apart."""
    whole, point, rest = canonical(value).partition(".")
    return f"{Decimal(whole):,}{point}{rest}"


@register.filter
def money(value: Decimal | None) -> str:
    """An amount to the cent, a smaller one to a millionth; nothing → a dash."""
    if value is None:
        return "–"  # noqa: RUF001
    return f"{value:,.2f}" if not value or abs(value) >= CENT else f"{value:.6f}"


@register.filter
def figure(value: int | Decimal) -> str:
    """A count as `number`, an amount as `money`."""
    return money(value) if isinstance(value, Decimal) else number(value)


@register.filter
def subtract(whole: int, part: int) -> int:
    return whole - part


@register.filter
def words(value: str) -> str:
    """`api_key.created` → Api key created, as a sentence begins."""
    text = value.replace(".", " ").replace("_", " ").strip()
    return f"{text[:1].upper()}{text[1:]}".replace("Api ", "API ")


@register.filter
def share(part: int, whole: int) -> str:
    """A part of a whole in percent with one decimal."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


@register.filter
def tenth(value: int) -> str:
    """35 → 3.5."""
    return f"{value / 10:g}"


@register.filter
def percent(part: Decimal) -> str:
    """A share of 1 in percent with one decimal."""
    return f"{100 * part:.1f} %"


@register.simple_tag(takes_context=True)
def query(context: Any, **changes: Any) -> str:
    """The page's own query with some of it said otherwise, and from its first page on."""
    found = context["request"].GET.copy()
    found.pop("before", None)
    for name, value in changes.items():
        found[name] = value
    return str(found.urlencode())


@register.filter
def who(actor: str) -> str:
    """`user:a@b.com` → a@b.com; `key:abc` → API key abc…; `automation:Nights` → the rule Nights."""
    kind, _, name = actor.partition(":")
    known = {"user": name, "key": f"API key {name}…", "automation": f"the rule {name}"}
    return known.get(kind, actor) if name else actor


@register.filter
def shown(value: Any) -> str:
    """A value of JSON in a sentence: texts and numbers as they are, nothing as a dash, else JSON."""
    if value in (None, "", {}, []):
        return "–"  # noqa: RUF001
    text = text_of(value)
    return encode(value).decode() if text is None else text


@register.filter
def pretty_json(value: Any) -> str:
    """JSON for reading: indented, exact."""
    return json.dumps(json.loads(encode(value), parse_float=str), indent=2, ensure_ascii=False)


@register.filter
def noun(type: str) -> str:
    """`build.completed` → build."""
    return type.partition(".")[0]


@register.filter
def subject(payload: dict[str, Any]) -> str:
    """What an entry of the activity is about, by the first name that its payload has."""
    return next((str(payload[name]) for name in NAMES if payload.get(name)), "")


@register.filter
def of(named: dict[str, Any], name: str) -> Any:
    """The entry of that name; nothing when there is none."""
    return named.get(name)


@register.filter
def span(value: timedelta) -> str:
    """A length of time in its two largest units: 2 d 3 h, 4 min 5 s."""
    minutes, seconds = divmod(max(0, int(value.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    units = (("d", hours // 24), ("h", hours % 24), ("min", minutes), ("s", seconds))
    first = next((place for place, (_, n) in enumerate(units) if n), 0)
    return " ".join(f"{n} {unit}" for unit, n in units[first : first + 2] if n) or "0 s"
