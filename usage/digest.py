"""What the weekly digest says of usage."""

from collections import Counter

from accounts.digest import MOST, Section, Week, bars, change
from accounts.models import Tenant
from usage.queries.sums import Sum, sums


def usage_sections(tenant: Tenant, week: Week) -> list[Section]:
    """Events by day, and the services that had most of them."""
    found = sums(tenant=tenant, edges=week.edges, group_by=["service_type"])
    total = sum(row.tally.count for row in found)
    if not total:
        return []
    before = week.before()
    earlier = sum(row.tally.count for row in sums(tenant=tenant, edges=[before.edges[0], before.edges[-1]]))
    return [
        Section(
            "Usage",
            f"{total:,} events, {change(total, earlier)}.",
            bars=bars(_by_day(week, found), lambda count: f"{count:,}"),
            lines=[f"{name}: {count:,} events" for name, count in _services(found).most_common(MOST)],
        )
    ]


def _by_day(week: Week, found: list[Sum]) -> list[tuple[str, int]]:
    counts: Counter[object] = Counter()
    for row in found:
        counts[row.start] += row.tally.count
    return [(f"{day:%a %d %b}", counts[start]) for day, start in zip(week.days, week.edges, strict=False)]


def _services(found: list[Sum]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in found:
        counts[row.group[0] or "without a service"] += row.tally.count
    return counts
