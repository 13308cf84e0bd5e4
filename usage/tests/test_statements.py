"""Months closed, adjusted, looked at as of a moment, and checked."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts.errors import Conflict, Unavailable
from accounts.models import ActivityEntry, AuditEntry, Tenant
from accounts.principals import SYSTEM
from usage.models import Adjustment, Statement, StatementLine, UsageEvent
from usage.queries import quantities
from usage.queries.statements import lines_of, month_bill, month_bounds, statement_problems
from usage.rollups import recompute_all
from usage.services import statements
from usage.services.prices import price_rule_delete, price_rule_update
from usage.services.statements import statement_adjust
from usage.tests.bills import ACCEPTED, MARCH, NOON, amounts, close, make_rule, make_usage

LATE = datetime(2026, 4, 20, tzinfo=UTC)


def adjust(statement: Statement) -> Adjustment | None:
    return statement_adjust(by=SYSTEM, statement=statement, reason="late events")


def test_a_closed_month_has_a_number_lines_totals_and_a_digest(acme: Tenant) -> None:
    make_rule(acme)
    make_usage(acme, "a", Decimal("10.5"), billing_info={"total_cost": Decimal("2.10")})
    make_usage(acme, "b", 1, billing_info={"total_cost": "3.0", "currency": "EUR"})
    make_usage(acme, "c", service_type="compute", metadata={}, billing_info={"total_cost": Decimal("0.125")})
    make_usage(acme, "april", 1000, timestamp=datetime(2026, 4, 1, tzinfo=UTC))
    make_usage(acme, "voided", 1000, ended_at=ACCEPTED)
    statement = close(acme)
    assert (statement.number, statement.month, statement.totals) == (1, MARCH, {"USD": "3.01"})
    sent, priced = statement.lines.all()
    assert (priced.quantity, priced.unrounded, priced.amount) == (
        Decimal("11.5"), Decimal("2.875"), Decimal("2.88"),
    )  # fmt: skip
    assert priced.billed_by_sender == {"EUR": "3", "USD": "2.1"}
    assert priced.explanation["steps"] == [
        {"units": "11.5", "rate": "0.25", "amount": "2.875", "up_to": None}
    ]
    assert (sent.scheme, sent.amount, sent.currency) == ("as_sent", Decimal("0.13"), "USD")
    assert len(statement.digest) == 64
    assert statement_problems(statement) == []
    assert ActivityEntry.objects.get(type="statement.closed").payload["digest"] == statement.digest
    assert AuditEntry.objects.filter(action="statement.closed", tenant=acme).count() == 1


def test_numbers_have_no_gaps_and_each_tenant_its_own(acme: Tenant, rival: Tenant) -> None:
    months = [date(2026, 3, 1), date(2026, 1, 1), date(2026, 2, 1)]
    found = [close(acme, month) for month in months]
    with pytest.raises(Conflict):
        close(acme, MARCH)
    assert [statement.number for statement in found] == [1, 2, 3]
    assert [statement.previous_digest for statement in found] == ["", found[0].digest, found[1].digest]
    assert close(rival).number == 1
    assert Statement.objects.for_tenant(acme).count() == 3


def test_a_month_that_is_not_over_stays_open(acme: Tenant) -> None:
    today = datetime.now(UTC).date().replace(day=1)
    with pytest.raises(Conflict, match="not over"):
        close(acme, today)
    assert not Statement.objects.exists()


@pytest.mark.parametrize(("through", "error"), [(NOON, Conflict), (None, Unavailable)])
def test_a_month_with_events_in_the_queue_stays_open(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, through: datetime | None, error: type[Exception]
) -> None:
    monkeypatch.setattr(statements, "complete_through", lambda: through)
    with pytest.raises(error, match="queue"):
        close(acme)
    assert not Statement.objects.exists()


def test_a_month_is_one_of_the_tenants_zone(acme: Tenant) -> None:
    Tenant.objects.filter(pk=acme.pk).update(timezone="Europe/Berlin")
    acme.refresh_from_db()
    march = (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))
    assert month_bounds(acme, MARCH) == march  # an hour shorter: 743 hours
    moment = timedelta(microseconds=1)
    for number, timestamp in enumerate((march[0], march[1] - moment, march[0] - moment, march[1])):
        make_usage(acme, f"e-{number}", timestamp=timestamp)
    assert [quantity for _, quantity, _, _ in amounts(close(acme))] == [Decimal(2)]


def test_a_tenant_that_moves_is_billed_for_no_hour_twice(acme: Tenant) -> None:
    close(acme)  # to 1 April, midnight UTC
    Tenant.objects.filter(pk=acme.pk).update(timezone="Asia/Tokyo")
    acme.refresh_from_db()
    assert month_bounds(acme, date(2026, 4, 1))[0] == datetime(2026, 4, 1, tzinfo=UTC)
    assert month_bounds(acme, date(2026, 2, 1))[1] == datetime(2026, 3, 1, tzinfo=UTC)
    assert month_bounds(acme, date(2026, 5, 1))[0] == datetime(2026, 4, 30, 15, tzinfo=UTC)


def test_prices_change_open_months_only(acme: Tenant) -> None:
    rule = make_rule(acme)
    make_usage(acme, "a", 10)
    make_usage(acme, "b", 10, timestamp=datetime(2026, 4, 10, tzinfo=UTC))
    march = close(acme)
    price_rule_update(by=SYSTEM, rule=rule, changes={"tiers": [{"rate": "1"}]})
    assert month_bill(tenant=acme, month=MARCH).totals == {"USD": "2.50"}
    assert month_bill(tenant=acme, month=date(2026, 4, 1)).totals == {"USD": "10.00"}
    price_rule_delete(by=SYSTEM, rule=rule)
    assert month_bill(tenant=acme, month=date(2026, 4, 1)).totals == {"USD": "0.00"}
    assert adjust(march) is None
    assert statement_problems(march) == []


def test_an_adjustment_holds_what_came_late_was_voided_or_amended(acme: Tenant) -> None:
    make_rule(acme, scheme="graduated", tiers=[{"up_to": 10, "rate": "1"}, {"rate": "0.5"}])
    make_usage(acme, "a", 8)
    voided = make_usage(acme, "voided", 5, metadata={"model": "mini"})
    statement = close(acme)
    frozen = (amounts(statement), statement.digest)
    assert statement.totals == {"USD": "13.00"}
    UsageEvent.objects.filter(pk=voided.pk).update(ended_at=datetime.now(UTC))
    make_usage(acme, "late", Decimal("6.5"), received_at=datetime.now(UTC))
    first = adjust(statement)
    assert first is not None
    assert amounts(first) == [
        ("gpt-4", Decimal("6.5"), Decimal("4.25"), "USD"),
        ("mini", Decimal(-5), Decimal("-5.00"), "USD"),
    ]
    assert (first.number, first.totals, first.previous_digest) == (1, {"USD": "-0.75"}, statement.digest)
    late, _ = first.lines.all()
    assert late.explanation["was"] == {"quantity": "8", "amount": "8"}
    assert late.explanation["is"]["amount"] == "12.25"
    make_usage(acme, "later", 1, received_at=datetime.now(UTC))
    second = adjust(statement)
    assert second is not None
    assert (second.number, second.previous_digest, second.totals) == (2, first.digest, {"USD": "0.50"})
    sums = sum(Decimal(document.totals["USD"]) for document in (statement, first, second))
    assert month_bill(tenant=acme, month=MARCH).totals == {"USD": str(sums)} == {"USD": "12.75"}
    assert statement_problems(statement) == []
    statement.refresh_from_db()
    assert (amounts(statement), statement.digest) == frozen


def test_nothing_new_makes_no_adjustment(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    make_rule(acme)
    make_usage(acme, "a", 10)
    statement = close(acme)
    assert adjust(statement) is None
    make_usage(acme, "late", 10, received_at=datetime.now(UTC))
    monkeypatch.setattr(statements, "complete_through", lambda: ACCEPTED)
    assert adjust(statement) is None  # who knows less than at the close corrects nothing
    assert not Adjustment.objects.exists()


def test_what_did_we_know_on_that_day(acme: Tenant) -> None:
    make_rule(acme)
    make_usage(acme, "a", 10)
    make_usage(acme, "late", 4, received_at=LATE)
    make_usage(acme, "voided", 2, ended_at=LATE + timedelta(days=1))
    known = {
        moment: month_bill(tenant=acme, month=MARCH, as_of=moment).totals.get("USD")
        for moment in (ACCEPTED - timedelta(days=1), ACCEPTED, LATE, LATE + timedelta(days=1), None)
    }
    assert list(known.values()) == [None, "3.00", "4.00", "3.50", "3.50"]


def test_what_nothing_has_changed_since_needs_no_events(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_rule(acme)
    make_usage(acme, "a", 10)
    make_usage(acme, "other-month", 10, timestamp=NOON + timedelta(days=60), received_at=LATE)
    monkeypatch.setattr(quantities, "_then", None)
    assert month_bill(tenant=acme, month=MARCH, as_of=ACCEPTED).totals == {"USD": "2.50"}
    make_usage(acme, "late", 4, received_at=LATE)
    with pytest.raises(TypeError, match="NoneType"):
        month_bill(tenant=acme, month=MARCH, as_of=ACCEPTED)


def test_the_rollups_and_the_events_make_the_same_bill(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    Tenant.objects.filter(pk=acme.pk).update(timezone="Asia/Kolkata")  # months begin inside an hour of UTC
    acme.refresh_from_db()
    change = NOON + timedelta(hours=1)
    tiers = [{"up_to": 7, "rate": "1.1"}, {"rate": "0.7"}]
    make_rule(acme, scheme="graduated", tiers=tiers, valid_until=change)
    make_rule(acme, tiers=[{"rate": "0.3"}], valid_from=change)
    start, end = month_bounds(acme, MARCH)
    for number, moment in enumerate((start, NOON, change, end - timedelta(microseconds=1), end)):
        billed = {"total_cost": Decimal("0.1"), "currency": "EUR" if number % 2 else "USD"}
        tokens = Decimal("3.3") * number
        make_usage(acme, f"e-{number}", tokens, timestamp=moment, billing_info=billed)
        make_usage(acme, f"f-{number}", timestamp=moment, service_type="compute", billing_info=billed)
    by_marks = month_bill(tenant=acme, month=MARCH)
    assert list(recompute_all())
    by_rollups = month_bill(tenant=acme, month=MARCH)
    monkeypatch.setattr(quantities, "changed_since", lambda *_: True)
    by_events = month_bill(tenant=acme, month=MARCH, as_of=datetime.now(UTC))
    assert by_marks.lines == by_rollups.lines == by_events.lines
    assert by_events.totals == {"EUR": "0.20", "USD": "8.78"}


@pytest.mark.every_case
@pytest.mark.parametrize(
    ("table", "changes", "problem"),
    [
        (StatementLine, {"amount": Decimal("0.01")}, "the digest of the statement"),
        (StatementLine, {"amount": Decimal("0.01")}, "the totals of the statement"),
        (StatementLine, {"unrounded": Decimal("2.875000001")}, "the digest of the statement"),
        (StatementLine, {"explanation": {}}, "the digest of the statement"),
        (Statement, {"totals": {"USD": "1.00"}}, "the totals of the statement"),
        (Statement, {"as_of": NOON}, "the digest of the statement"),
        (Statement, {"rules": []}, "the digest of the statement"),
        (Statement, {"digest": "0" * 64}, "number 2 is not chained"),
        (Statement, {"previous_digest": "0" * 64}, "not chained to number"),
    ],
)
def test_a_changed_row_shows(acme: Tenant, table: Any, changes: dict[str, Any], problem: str) -> None:
    make_rule(acme)
    make_usage(acme, "a", Decimal("11.5"))
    statement = close(acme)
    close(acme, date(2026, 2, 1))
    assert statement_problems(statement) == []
    rows = table.objects.for_tenant(acme)
    rows.filter(**({"statement": statement} if table is StatementLine else {"pk": statement.pk})).update(
        **changes
    )
    statement.refresh_from_db()
    assert any(problem in found for found in statement_problems(statement))


def test_a_missing_line_or_adjustment_shows(acme: Tenant) -> None:
    make_rule(acme)
    make_usage(acme, "a", 10)
    statement = close(acme)
    for number in range(2):
        make_usage(acme, f"late-{number}", 10, received_at=datetime.now(UTC))
        assert adjust(statement) is not None
    first = statement.adjustments.get(number=1)
    first.lines.all().delete()
    assert "the digest of adjustment 1 is not that of its content" in statement_problems(statement)
    first.delete()
    assert statement_problems(statement) == ["adjustment 2 is not chained to what was before it any more"]
    statement.lines.all().delete()
    assert "the digest of the statement is not that of its content" in statement_problems(statement)


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_two_closes_at_once_make_one_statement(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    make_rule(acme)
    make_usage(acme, "a", 10)
    both_looked = threading.Barrier(2, timeout=30)

    def slow(*args: Any) -> Any:
        found = lines_of(*args)
        both_looked.wait()  # neither has written, both have seen an open month
        return found

    monkeypatch.setattr(statements, "lines_of", slow)
    ends: list[str] = []

    def run() -> None:
        try:
            ends.append(f"number {close(acme).number}")
        except Conflict as error:
            ends.append(error.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(ends) == ["2026-03 is closed already.", "number 1"]
    assert (Statement.objects.count(), StatementLine.objects.count()) == (1, 1)
