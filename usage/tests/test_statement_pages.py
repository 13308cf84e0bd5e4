"""Prices and statements in the back office, statements in the console."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import AuditEntry, Tenant, User
from tests.browser import Page, browser
from tests.builders import make_user
from usage.models import Adjustment, PriceRule, Statement, StatementLine
from usage.tests.bills import close, make_rule, make_usage

RULES = "/admin/usage/pricerule/"
STATEMENTS = "/admin/usage/statement/"
FORM = {
    "service_type": "llm_service",
    "unit": "tokens",
    "currency": "USD",
    "scheme": "per_unit",
    "tiers": '[{"rate": 0.1}]',
    "minimum_charge": "0.30000000000000000000000001",
    "valid_from_0": "2026-01-01",
    "valid_from_1": "00:00:00",
}


def test_a_price_is_made_changed_and_deleted_in_the_back_office(acme: Tenant, staff: User) -> None:
    client = browser(staff)
    assert client.post(f"{RULES}add/", {**FORM, "tenant": acme.pk}).status_code == 302
    rule = PriceRule.objects.get()
    assert (rule.tiers[0]["rate"], rule.minimum_charge) == ("0.1", Decimal("0.30000000000000000000000001"))
    page = client.post(f"{RULES}add/", {**FORM, "tenant": acme.pk}, follow=True).content.decode()
    assert "prices the same tokens" in page
    assert client.post(f"{RULES}{rule.pk}/change/", {**FORM, "currency": "EUR"}).status_code == 302
    assert AuditEntry.objects.get(action="price_rule.updated").changes == {"currency": ["USD", "EUR"]}
    chosen = {"action": "end", "_selected_action": [str(rule.pk)], "confirmed": "yes"}
    client.post(RULES, chosen)
    rule.refresh_from_db()
    assert (rule.currency, rule.is_active, PriceRule.objects.count()) == ("EUR", False, 1)


def test_a_month_is_closed_and_adjusted_in_the_back_office(acme: Tenant, staff: User) -> None:
    make_rule(acme)
    make_usage(acme, "a", 10)
    client = browser(staff)
    form = {"tenant": acme.pk, "month": "2026-03-01"}
    assert client.post(f"{STATEMENTS}add/", form).status_code == 302
    statement = Statement.objects.get()
    assert (statement.totals, statement.closed_by) == ({"USD": "2.50"}, "user:staff@example.com")
    assert Statement.objects.count() == 1
    client.post(f"{STATEMENTS}add/", form)
    client.post(f"{STATEMENTS}add/", {**form, "month": "2026-03-02"})
    assert Statement.objects.count() == 1
    page = client.get(f"{STATEMENTS}{statement.pk}/change/").content.decode()
    assert "all hold" in page
    assert statement.digest in page
    for verb in ("change", "delete"):
        answer = client.post(f"{STATEMENTS}{statement.pk}/{verb}/", {**form, "post": "yes"})
        assert answer.status_code == 403
    make_usage(acme, "late", 4, received_at=datetime.now(UTC))
    chosen = {"action": "adjust", "_selected_action": [str(statement.pk)]}
    client.post(STATEMENTS, chosen)
    assert not Adjustment.objects.exists()  # it asks first
    client.post(STATEMENTS, {**chosen, "confirmed": "yes"})
    adjustment = Adjustment.objects.get()
    assert adjustment.totals == {"USD": "1.00"}
    assert client.get(f"/admin/usage/adjustment/{adjustment.pk}/change/").status_code == 200
    assert client.get("/admin/usage/adjustment/?q=late").status_code == 200


def test_who_may_only_view_cannot_adjust(acme: Tenant) -> None:
    statement = close(acme)
    make_usage(acme, "late", 4, received_at=datetime.now(UTC))
    helper = make_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_statement"))
    client = browser(helper)
    assert client.get(STATEMENTS).status_code == 200
    client.post(STATEMENTS, {"action": "adjust", "_selected_action": [str(statement.pk)], "confirmed": "yes"})
    assert client.get(f"{STATEMENTS}add/").status_code == 403
    assert not Adjustment.objects.exists()


def test_a_statement_is_a_page_to_print(acme: Tenant, viewer: User, owner: User) -> None:
    Tenant.objects.filter(pk=acme.pk).update(timezone="Europe/Berlin")
    acme.refresh_from_db()
    make_rule(acme, scheme="graduated", tiers=[{"up_to": 1000, "rate": "0.5"}, {"rate": "0.25"}])
    make_usage(acme, "a", Decimal("1234.5"))
    make_usage(acme, "b", service_type="<b>bold</b>", billing_info={"total_cost": 3, "currency": "EUR"})
    statement = close(acme)
    client = browser(viewer)
    assert "558.63 USD" in client.get("/console/statements").content.decode()
    response = client.get(f"/console/statements/{statement.pk}")
    html, page = response.content.decode(), Page(response)
    assert (page.elements["h1"], page.elements["main"], page.blocked) == (1, 1, [])
    for told in ("March 2026", "1,234.5 tokens", "1000 at 0.5", "234.5 at 0.25", "558.63 USD", "3.00 EUR",
                 "as billed by the sender", "1 Mar 00:00 to 1 Apr 00:00", statement.digest):  # fmt: skip
        assert told in html
    assert "<b>bold" not in html
    assert "was changed" not in html
    StatementLine.objects.update(amount=Decimal(1))
    changed = client.get(f"/console/statements/{statement.pk}").content.decode()
    assert "the digest of the statement is not that of its content" in changed


def test_an_adjustment_is_on_the_page(acme: Tenant, staff: User, viewer: User, stranger: User) -> None:
    make_rule(acme)
    make_usage(acme, "a", 10)
    statement = close(acme)
    make_usage(acme, "late", Decimal("0.5"), received_at=datetime.now(UTC))
    chosen: dict[str, Any] = {"action": "adjust", "_selected_action": [str(statement.pk)]}
    browser(staff).post(STATEMENTS, {**chosen, "confirmed": "yes"})
    html = browser(viewer).get(f"/console/statements/{statement.pk}").content.decode()
    assert "Adjustment 1" in html
    assert "2.5 before, 2.63 now" in html
    assert "0.13 USD" in html
    assert browser(stranger).get(f"/console/statements/{statement.pk}").status_code == 404
    assert "March" not in browser(stranger).get("/console/statements").content.decode()


@pytest.mark.parametrize("page", [RULES, STATEMENTS, "/admin/usage/adjustment/"])
def test_lists_cost_the_same_for_many_rows(
    acme: Tenant, rival: Tenant, staff: User, page: str, django_assert_max_num_queries: Any
) -> None:
    def fill(tenant: Tenant) -> None:
        make_rule(tenant)
        make_rule(tenant, unit="events")
        statement = close(tenant)
        make_usage(tenant, "late", 4, received_at=datetime.now(UTC))
        chosen = {"action": "adjust", "_selected_action": [str(statement.pk)], "confirmed": "yes"}
        client.post(STATEMENTS, chosen)

    client = browser(staff)
    fill(acme)
    with django_assert_max_num_queries(10) as few:
        assert client.get(page).status_code == 200
    most = len(few)  # the next request begins the count anew
    fill(rival)
    with django_assert_max_num_queries(most):
        client.get(page)
