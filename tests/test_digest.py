"""The weekly digest as all rooms write it: exact figures of the week, of this tenant, and of nothing else."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from accounts.models import Tenant, User
from accounts.services.digests import digests_send
from accounts.services.sending import deliveries_sweep
from builds.models import Build
from builds.tests.builders import make_build
from inventory.models import Recommendation, Resource
from inventory.tests.automation import machine
from inventory.tests.bills import bill, load
from usage.models import UsageEvent
from usage.tests.sums import mark

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 3, 2)
EXPECTED = """The week of Acme, 02 Mar 2026 to 08 Mar 2026.

Usage
3 events, 50 % more than in the week before.

    Mon 02 Mar                         2  ####################
    Tue 03 Mar                         0
    Wed 04 Mar                         0
    Thu 05 Mar                         0
    Fri 06 Mar                         0
    Sat 07 Mar                         0
    Sun 08 Mar                         1  ##########
    llm: 2 events
    without a service: 1 events

Builds
2 ended, nothing to compare with in the week before; 1 are open now.

    completed                          1  ####################
    failed                             1  ####################
    cancelled                          0
    failed: timeout (1)

Costs in EUR
10.00 EUR, nothing to compare with in the week before.

    Compute                        10.00  ####################

Costs in USD
1,000.25 USD, 100 % more than in the week before.

    Compute                     1,000.00  ####################
    Storage                         0.25  #

Recommendations in USD
30.00 USD a month could be saved on resources; 2 recommendations are open.

    i-1, rightsizing: 30.00 USD a month

More: {url}
"""


def event(tenant: Tenant, number: int, moment: datetime, service: str = "llm") -> None:
    UsageEvent.objects.create(
        tenant=tenant, event_id=f"e{number}", timestamp=moment, user_id="u", service_type=service
    )
    mark(tenant, moment)


def built(tenant: Tenant, name: str, status: str, ended: datetime | None, reason: str = "") -> None:
    made = make_build(tenant, name)
    Build.objects.filter(pk=made.pk).update(status=status, ended_at=ended, reason=reason)


def recommended(tenant: Tenant, resource: Resource, rule: str, saving: int) -> None:
    Recommendation.objects.create(
        tenant=tenant,
        rule=rule,
        subject=resource.pk,
        resource=resource,
        native_id=resource.resource_id,
        recommendation_type="rightsizing",
        saving_monthly=Decimal(saving),
        currency="USD",
        description="x",
    )


def test_the_digest_of_a_week(acme: Tenant, rival: Tenant, owner: User, settings: Any) -> None:
    moments = ["02T00:00", "02T12:00", "08T23:59:59.999999", "09T00:00", "01T23:59", "01T01:00"]
    for number, text in enumerate(moments):
        moment = datetime.fromisoformat(f"2026-03-{text}+00:00")
        event(acme, number, moment, "" if number == 2 else "llm")
        event(rival, number, moment)
    within = datetime(2026, 3, 5, tzinfo=UTC)
    built(acme, "good", "completed", within)
    built(acme, "bad", "failed", within, "timeout")
    built(acme, "open", "in_progress", None)
    built(acme, "later", "completed", within + timedelta(days=7))
    built(rival, "theirs", "completed", within)
    costs = [("USD", "Compute", "1000"), ("USD", "Storage", "0.25"), ("EUR", "Compute", "10")]
    for tenant in (acme, rival):
        rows = [bill(MONDAY, amount, currency=c, service_name=name) for c, name, amount in costs]
        rows.append(bill(MONDAY - timedelta(days=1), "500", currency="USD", service_name="Compute"))
        rows.append(bill(MONDAY + timedelta(days=7), "7", currency="USD", service_name="Compute"))
        load(tenant, rows)
    target = machine(acme, 1)
    recommended(acme, target, "idle", 30)
    recommended(acme, target, "oversized", 20)  # another way to save the same money

    assert digests_send(now=datetime(2026, 3, 9, 8, tzinfo=UTC)) == 1
    deliveries_sweep()
    (message,) = mail.outbox
    assert message.to == [owner.email]
    text, _, footer = str(message.body).partition("\n\n-- \n")
    assert text + "\n" == EXPECTED.format(url=f"{settings.PUBLIC_URL}/console/")
    assert footer.startswith("No more of these mails: ")
    assert isinstance(message, EmailMultiAlternatives)
    html = str(message.alternatives[0][0])
    assert 'width="100%"' in html
    assert "src=" not in html
