"""What a tenant metered itself of what Gcore bills.

By default its events with the provider `gcore` and the feature's id as their type, such as 92: the sum of
`metrics.usage`, in Gcore's unit. A FeatureMeter names another meter. The events that are imported from Gcore
look the same but for their service type.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from accounts.exact import EXACT
from accounts.models import Tenant
from gcore.models import FeatureMeter
from usage.queries.meters import Question, meter_query
from usage.queries.sums import sums, where_equal

PROVIDER: Final = "gcore"
PROVIDER_USAGE: Final = "provider_usage"
METRIC: Final = "usage"
DEFAULT: Final = "default"


class Own(NamedTuple):
    """A figure in Gcore's unit; `measured_by` is the slug of the meter, or DEFAULT."""

    value: Decimal
    measured_by: str


def own_usage(*, tenant: Tenant, start: datetime, end: datetime) -> dict[str, Own]:
    """By feature, in [start, end); a meter that is switched off does not count."""
    found = _by_default(tenant, start, end)
    rules = FeatureMeter.objects.for_tenant(tenant).filter(meter__is_active=True)
    for rule in rules.select_related("meter", "meter__tenant"):
        rows = meter_query(meter=rule.meter, question=Question(start, end)).rows
        figure = (rows[0].value if rows else None) or Decimal(0)
        found[rule.feature_id] = Own(EXACT.multiply(figure, rule.factor), rule.meter.slug)
    return found


def _by_default(tenant: Tenant, start: datetime, end: datetime) -> dict[str, Own]:
    found: dict[str, Own] = {}
    of_gcore = where_equal({"service_provider": PROVIDER})
    for one in sums(
        tenant=tenant,
        edges=[start, end],
        where=of_gcore,
        group_by=["event_type", "service_type"],
        metrics=[METRIC],
    ):
        feature, service_type = one.group
        metric = one.tally.metrics.get(METRIC)
        if service_type != PROVIDER_USAGE and metric is not None:
            before = found.get(feature, Own(Decimal(0), DEFAULT)).value
            found[feature] = Own(EXACT.add(before, metric.sum), DEFAULT)
    return found
