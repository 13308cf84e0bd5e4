"""Every list of the back office: what it asks of the database, its files, and the way to it from a tenant."""

import csv
import io
from typing import Any, Final

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.admin import exporting
from accounts.models import AuditEntry, Delivery, Tenant, User
from inventory.models import Budget, Resource
from tests.rows import make_row

pytestmark = pytest.mark.django_db
MOST: Final = 9  # queries of one list, the session's and the person's with them
MODELS: Final = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)


@pytest.fixture
def office(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def cost(office: Client, model: type[Model]) -> int:
    with CaptureQueriesContext(connection) as queries:
        answer = office.get(list_of(model))
    assert answer.status_code == 200
    return len(queries)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_a_list_asks_as_much_for_many_rows_as_for_one(office: Client, model: type[Model]) -> None:
    make_row(model)
    first = cost(office, model)
    for _ in range(3):
        make_row(model)
    assert cost(office, model) == first <= MOST


def exported(office: Client, model: type[Model], *rows: Any, query: str = "", **form: Any) -> list[list[str]]:
    sent = {"action": "export_csv", ACTION_CHECKBOX_NAME: [row.pk for row in rows], **form}
    answer = office.post(f"{list_of(model)}{query}", sent)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.getvalue().decode())))


def test_a_file_has_the_columns_of_the_list_and_the_rows_that_were_chosen(
    office: Client, acme: Tenant, rival: Tenant
) -> None:
    ours, theirs = make_row(Budget, acme), make_row(Budget, rival)
    Budget.objects.filter(pk=ours.pk).update(name="=1+1", amount="12.30")
    header, row = exported(office, Budget, ours)
    assert header == ["name", "tenant", "amount", "currency", "period", "is_active"]
    assert (row[0], row[1], row[5]) == ("'=1+1", "acme", "True")
    assert float(row[2]) == 12.3
    everything = exported(office, Budget, ours, query="?tenant=rival", select_across="1")
    assert [line[0] for line in everything[1:]] == [theirs.name]
    audit = AuditEntry.objects.filter(action="office.exported").order_by("id")
    assert [entry.changes for entry in audit] == [
        {"list": [None, "inventory.budget"], "rows": [None, 1], "filters": [None, ""]},
        {"list": [None, "inventory.budget"], "rows": [None, 1], "filters": [None, "tenant=rival"]},
    ]


def test_a_file_asks_once_for_all_its_rows(office: Client, acme: Tenant) -> None:
    def asked_for(count: int) -> int:
        for _ in range(count):
            make_row(Resource, acme)
        with CaptureQueriesContext(connection) as queries:
            lines = exported(office, Resource, Resource.objects.first(), select_across="1")
        assert len(lines) == Resource.objects.count() + 1
        return len(queries)

    assert asked_for(1) == asked_for(20)


def test_no_file_is_so_long_that_nobody_waits_for_it(office: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "EXPORTED", 1)
    rows = [make_row(Delivery), make_row(Delivery)]
    sent = {"action": "export_xlsx", ACTION_CHECKBOX_NAME: [row.pk for row in rows]}
    answer = office.post(list_of(Delivery), sent, follow=True)
    assert "Filter more: a file holds 1 rows." in answer.content.decode()
    assert not AuditEntry.objects.exists()


def test_a_webhooks_address_is_in_no_list_and_no_file(office: Client, acme: Tenant) -> None:
    delivery = make_row(Delivery, acme)
    Delivery.objects.filter(pk=delivery.pk).update(target="https://hooks.example.com/T0/secret")
    page = reverse("admin:accounts_delivery_change", args=[delivery.pk])
    for text in (office.get(page), office.get(list_of(Delivery))):
        assert "hooks.example.com" in text.content.decode()
        assert "secret" not in text.content.decode()
    assert "hooks.example.com" in exported(office, Delivery, delivery)[1]


def test_the_filter_by_tenant_keeps_the_others(office: Client, acme: Tenant, rival: Tenant) -> None:
    ours, _ = make_row(Budget, acme), make_row(Budget, rival)
    answer = office.get(list_of(Budget), {"tenant": "acme", "is_active__exact": "1"})
    assert list(answer.context["cl"].result_list) == [ours]
    page = answer.content.decode()
    assert '<input type="hidden" name="is_active__exact" value="1">' in page
    assert '<a href="?is_active__exact=1">All tenants</a>' in page
    assert not office.get(list_of(Budget), {"tenant": "nobody"}).context["cl"].result_list


def test_a_tenants_page_leads_to_all_that_is_its(office: Client, acme: Tenant) -> None:
    page = office.get(reverse("admin:accounts_tenant_change", args=[acme.pk])).content.decode()
    for model in MODELS:
        if any(field.name == "tenant" for field in model._meta.fields):
            assert f'href="{list_of(model)}?tenant=acme"' in page
