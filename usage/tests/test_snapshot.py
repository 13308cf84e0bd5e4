"""Several statements see one moment, also where one that needs it calls another that does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from accounts.grammar import EVERYTHING
from accounts.models import Tenant
from accounts.snapshot import snapshot
from tests.builders import make_tenant
from usage.models import UsageEvent
from usage.queries.analytics import Scope, usage_by_service
from usage.queries.explain import Figure, figure_explain
from usage.tests.sums import DAY, make

pytestmark = pytest.mark.django_db(transaction=True)


def make_elsewhere(tenant: Tenant) -> None:
    """On another connection."""

    def work() -> None:
        make(tenant, DAY)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def test_a_moment_within_a_moment_is_the_outer_one() -> None:
    acme = make_tenant("acme")
    with snapshot():
        with snapshot():
            assert not UsageEvent.objects.exists()
        make_elsewhere(acme)
        assert not UsageEvent.objects.exists()
    assert UsageEvent.objects.count() == 1


def test_questions_that_need_one_moment_ask_others_that_do() -> None:
    acme = make_tenant("acme")
    make(acme, DAY)
    day = DAY + timedelta(days=1)
    assert figure_explain(asked=Figure(acme, DAY, day, {}), limit=1).agrees is True
    assert usage_by_service(scope=Scope(acme, DAY, day, EVERYTHING), limit=1)[1].count == 1
