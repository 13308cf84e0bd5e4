"""Where in time, and of which types, the events of a bill's line are."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q

from accounts.errors import ValidationFailed
from accounts.models import Tenant
from usage.billing import Rule, Usage, priced_quantities
from usage.queries.quantities import KIND
from usage.queries.statements import basis_at, usage_of
from usage.queries.sums import where_equal


class Stretch(NamedTuple):
    """From `start` until before `end`, the events of these types (None: of every type)."""

    start: datetime
    end: datetime
    event_types: frozenset[str] | None

    def takes(self, event_type: str) -> bool:
        return self.event_types is None or event_type in self.event_types


def billed_stretches(
    *,
    tenant: Tenant,
    start: datetime,
    end: datetime,
    group: dict[str, str],
    rule_id: str,
    as_of: datetime | None,
) -> list[Stretch]:
    """The stretches of [start, end) that a price rule, or (blank) none, bills of one service and its model.

    `group` names service type, provider and model. The rules are those of the month's statement, or today's.
    Errors: 400 the rule is none of them, or the interval leaves the month.
    """
    basis, _ = basis_at(tenant, start)
    if end > basis.ends_at:
        raise ValidationFailed.field("end_date", f"the month is billed until {basis.ends_at.isoformat()}.")
    if rule_id and rule_id not in {rule.id for rule in basis.rules}:
        raise ValidationFailed.field("rule_id", "it is none of the month's prices.")
    where = where_equal({name: value for name, value in group.items() if name in KIND})
    types: defaultdict[tuple[datetime, datetime], set[str]] = defaultdict(set)
    for use in usage_of(tenant, basis, as_of, where):
        bounds = max(start, use.start), min(end, use.end)
        if bounds[0] < bounds[1] and bills(basis.rules, rule_id, use):
            types[bounds].add(use.event_type)
    return _joined(Stretch(*bounds, frozenset(types[bounds])) for bounds in sorted(types))


def bills(rules: list[Rule], rule_id: str, use: Usage) -> bool:
    """Whether the rule, or (blank) no rule at all, prices this usage."""
    return rule_id in ([rule.id for rule, _ in priced_quantities(rules, use)] or [""])


def within_q(stretches: Sequence[Stretch]) -> Q:
    """The stretches for a queryset of events; there is at least one."""
    found = Q()
    for one in stretches:
        part = Q(timestamp__gte=one.start, timestamp__lt=one.end)
        found |= part if one.event_types is None else part & Q(event_type__in=sorted(one.event_types))
    return found


def stretch_at(stretches: Sequence[Stretch], moment: datetime) -> Stretch | None:
    """The stretch that holds a moment; they are in order."""
    place = bisect_right(stretches, moment, key=lambda one: one.start) - 1
    return stretches[place] if place >= 0 and moment < stretches[place].end else None


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Neighbours of the same types as one."""
    found: list[Stretch] = []
    for one in stretches:
        last = found[-1] if found else None
        if last and (last.end, last.event_types) == (one.start, one.event_types):
            found[-1] = last._replace(end=one.end)
        else:
            found.append(one)
    return found
