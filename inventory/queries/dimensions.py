"""What costs can be grouped by: `month`, `day`, `folder`, `product`, and all that a charge says, under the
names of filters.
"""

import json
import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from django.db.models import F, Value
from django.db.models.functions import Coalesce, NullIf

from accounts.errors import ValidationFailed
from accounts.grammar import GrammarError, parse_path
from accounts.models import Tenant
from accounts.sql import JsonText
from inventory.filters import CHARGES, Kind, property_of
from inventory.models import Charge

UNALLOCATED: Final = "unallocated"
TIMES: Final = {"month": 7, "day": 10}  # characters of an ISO date
ALIASES: Final = {"service": "service_name", "resource": "resource_id"}
OWNERS: Final = ("folder", "product")
USUAL: Final = (
    "service", "account", "provider", "region", "resource", "charge_category", "service_category",
)  # fmt: skip
SAMPLED: Final = 500  # charges
MOST_KEYS: Final = 50
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PART: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+')


class Dimension(NamedTuple):
    """`label` is its text of a Charge, UNALLOCATED where there is none; None for a part of the date and for
    OWNERS, of which only the tenant's products know.
    """

    name: str
    label: Any

    @property
    def is_time(self) -> bool:
        return self.name in TIMES

    def of_day(self, day: date) -> str:
        return day.isoformat()[: TIMES[self.name]]


def read_dimensions(texts: Sequence[str], field: str = "group_by") -> list[Dimension]:
    """Dimensions such as `service`, `tag:env` and `month`, parted by commas; ValidationFailed."""
    names = [part.strip() for text in texts for part in _PART.findall(text) if part.strip()]
    found = [_dimension(name, field) for name in names]
    if len({dimension.name for dimension in found}) < len(found):
        raise ValidationFailed.field(field, "names something twice.")
    return found


def dimension_names(tenant: Tenant) -> list[str]:
    """What `read_dimensions` takes, the usual ones first, with the keys of tags that newer charges have."""
    texts = {name for name, known in CHARGES.items() if known.kind is Kind.TEXT} - set(ALIASES.values())
    tagged = Charge.objects.for_tenant(tenant).exclude(tags={}).values_list("tags", flat=True)
    keys = sorted({key for tags in tagged[:SAMPLED] for key in tags})
    tags = [f"tag:{key if _PLAIN.fullmatch(key) else json.dumps(key)}" for key in keys[:MOST_KEYS]]
    usual = [*USUAL, *OWNERS, *tags, *TIMES]
    return [*usual, *sorted(texts - set(usual))]


def narrowed(filter: str, name: str, label: str) -> str:
    """The filter, and that a dimension has this text; empty for a time."""
    path = ALIASES.get(name, name)
    if path in TIMES:
        return ""
    term = f"not exists {path}" if label == UNALLOCATED else f"{path} = {json.dumps(label)}"
    return f"({filter}) and {term}" if filter.strip() else term


def _dimension(name: str, field: str) -> Dimension:
    if name in TIMES or name in OWNERS:
        return Dimension(name, None)
    try:
        known, key = property_of(parse_path(ALIASES.get(name, name)), CHARGES)
    except GrammarError as error:
        raise ValidationFailed.field(
            field, f"{name!r} is none of {', '.join([*TIMES, *OWNERS, *ALIASES])} … {error}"
        ) from error
    text = JsonText(known.column, key) if known.kind is Kind.TAG else F(known.column)
    return Dimension(name, Coalesce(NullIf(text, Value("")), Value(UNALLOCATED)))
