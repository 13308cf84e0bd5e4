"""Gcore's expenses in the costs: a month as it stands, with its import, once."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from accounts.models import Tenant
from gcore.client import Generation
from gcore.models import ClientMapping
from gcore.simulator import Simulator
from gcore.tests.imports import bring
from gcore.tests.reports import map_client
from inventory.models import CostLine, Import

pytestmark = pytest.mark.django_db


@pytest.fixture
def mapping(acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller) -> ClientMapping:
    return map_client(acme)


def lines(tenant: Tenant) -> list[CostLine]:
    found = CostLine.objects.for_tenant(tenant).live().select_related("charge", "source_import", "cost_day")
    return list(found.order_by("charge__sku_id", "charge__charge_category"))


def total(tenant: Tenant) -> Decimal:
    return sum((line.billed_cost for line in lines(tenant)), Decimal(0))


def test_a_months_expenses_become_costs(
    acme: Tenant, mapping: ClientMapping, clock: time_machine.Traveller
) -> None:
    run = bring(mapping, clock, "expenses")
    assert (run.state, run.counts) == ("completed", {"stored": 18})  # nine features, and the tax of each
    tax, delivery = [line for line in lines(acme) if line.charge.sku_id == "92"]
    assert (tax.charge.charge_category, delivery.charge.charge_category) == ("Tax", "Usage")
    assert delivery.charge.provider == "gcore"
    assert delivery.charge.sub_account_id == "829449"
    assert (delivery.charge.service_name, delivery.charge.charge_description) == ("CDN", "Delivery per GB")
    assert delivery.charge_start == datetime(2026, 3, 1, tzinfo=UTC)
    assert delivery.charge_end == datetime(2026, 4, 1, tzinfo=UTC)
    assert (delivery.currency, delivery.charge.consumed_unit) == ("EUR", "GB")
    assert delivery.contracted_unit_price == Decimal("0.0275")
    assert delivery.consumed_quantity
    assert delivery.billed_cost == delivery.consumed_quantity * Decimal("0.0275")
    assert tax.billed_cost == delivery.billed_cost * Decimal("0.19")
    made = Import.objects.get()
    assert {line.source_import_id for line in lines(acme)} == {made.pk}
    assert (made.origin, made.source, made.actor) == ("provider", "gcore:829449:2026-03", "gcore-import")


def test_the_same_expenses_again_change_nothing(
    acme: Tenant, mapping: ClientMapping, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    bring(mapping, clock, "expenses")
    before = [(line.pk, line.billed_cost) for line in lines(acme)]
    gcore_simulator.state.set_knobs(duplicated=True)  # each line is told twice, under one id
    bring(mapping, clock, "expenses", date(2026, 2, 3))
    assert bring(mapping, clock, "expenses").counts == {"unchanged": 18}
    march = [line for line in lines(acme) if line.charge_start.month == 3]
    assert [(line.pk, line.billed_cost) for line in march] == before
    assert Import.objects.count() == 2


def test_what_gcore_took_back_and_billed_anew_replaces(
    acme: Tenant, mapping: ClientMapping, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    bring(mapping, clock, "expenses")
    before = total(acme)
    gcore_simulator.state.set_knobs(deleted=True)
    assert bring(mapping, clock, "expenses").counts == {"stored": 18, "removed": 18}
    assert total(acme) == before * 2  # the lines that were billed anew, at twice the price, and no other
    assert Import.objects.count() == 2


def test_an_expense_that_falls_into_another_month_than_its_period_is_kept_with_its_own_day(
    acme: Tenant, mapping: ClientMapping, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    """Overcommit: charged on the 1st for the month before."""
    body = (
        '{"count": 1, "next": null, "previous": null, "results": [{"id": 7, "client": {"id": 829449},'
        ' "for_date": "2026-03-01", "period_range": {"start": "2026-02-01", "end": "2026-03-01"},'
        ' "calc_rule_type": "overcommit", "currency": {"char_code": "EUR"}, "money_value": "1.5",'
        ' "usage": null, "product": {"name": "CDN"}, "feature": {"id": 92, "name": "Delivery"}}]}'
    )
    gcore_simulator.state.add_fault(path=".*expenses", status=200, body=body)
    bring(mapping, clock, "expenses")
    (line,) = lines(acme)
    assert line.charge_start == datetime(2026, 3, 1, tzinfo=UTC)
    assert line.charge_end == datetime(2026, 3, 2, tzinfo=UTC)
    assert line.charge.other == {"x_CalculationRule": "overcommit"}
    assert (line.billed_cost, line.consumed_quantity, line.contracted_unit_price) == (
        Decimal("1.5"),
        None,
        None,
    )


def test_expenses_of_the_older_paths_have_no_price(
    acme: Tenant, mapping: ClientMapping, clock: time_machine.Traveller, settings: Any
) -> None:
    settings.GCORE_API_GENERATION = Generation.LEGACY.value
    assert bring(mapping, clock, "expenses").counts == {"stored": 18}
    assert {line.contracted_unit_price for line in lines(acme)} == {None}


def test_a_failure_of_gcores_is_told_and_tried_again(
    acme: Tenant,
    mapping: ClientMapping,
    gcore_simulator: Simulator,
    clock: time_machine.Traveller,
    waits: list[float],
) -> None:
    gcore_simulator.state.add_fault(path=".*expenses", status=403, body='{"detail": "No access to billing"}')
    run = bring(mapping, clock, "expenses")
    assert (run.state, run.tries) == ("waiting", 1)
    assert "No access to billing" in run.error
    assert not CostLine.objects.exists()
    assert bring(mapping, clock, "expenses").state == "completed"
