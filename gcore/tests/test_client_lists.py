"""Customers, expenses and statistics: all pages, both generations, and sums that fit the reports."""

import csv
import io
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from gcore.client import Credentials, Expense, GcoreClient, Generation, Product
from gcore.errors import PermanentError
from gcore.simulator import API_TOKEN, CUSTOMER_TOKEN, Simulator

OCTOBER: Any = {"date_from": date(2026, 10, 1), "date_to": date(2026, 10, 31)}


def reported(client: GcoreClient, *features: int) -> dict[tuple[int, int], Decimal]:
    """October's report: the metric by customer and feature."""
    file = io.BytesIO()
    client.report_download(client.report_create(features=features, **OCTOBER), file)
    rows = csv.DictReader(io.StringIO(file.getvalue().decode(), newline=""))
    return {(int(row["Client ID"]), int(row["Feature ID"])): Decimal(row["Metric value"]) for row in rows}


@pytest.mark.parametrize("path", ["/iam/clients", "/billing/.*"])
def test_a_bare_array_is_the_whole_list(path: str, client: GcoreClient, gcore_simulator: Simulator) -> None:
    bare = '[{"id": 1, "name": "A", "name_en": "A", "product_name_en": "CDN"}]'
    gcore_simulator.state.add_fault(path=path, status=200, body=bare, times=9)
    found = list(client.clients()) if path.startswith("/iam") else client.features(Product.CDN)
    assert [one.id for one in found] == [1]
    assert len(gcore_simulator.state.calls) == 1


def test_customers_are_the_resellers(client: GcoreClient) -> None:
    assert [(one.id, one.name, one.status) for one in client.clients()] == [
        (829449, "SDG Test 2", "active"),
        (829517, "Nordwind Media GmbH", "active"),
        (830102, "Helios Labs", "active"),
        (830944, "Blue Harbour Games", "paused"),
    ]


def test_a_customers_token_sees_the_customer_alone(credentials: Callable[..., Credentials]) -> None:
    client = GcoreClient(credentials(api_token=CUSTOMER_TOKEN))
    assert [one.id for one in client.clients()] == [829449]
    with pytest.raises(PermanentError, match="403: You do not have permission"):
        list(client.expenses(**OCTOBER))
    with pytest.raises(PermanentError, match="403"):
        client.report_create(features=[92], **OCTOBER)


def test_expenses_are_what_was_reported_at_the_listed_price(client: GcoreClient) -> None:
    found = {(one.client_id, one.feature_id): one for one in client.expenses(**OCTOBER)}
    assert len(found) == 25
    one = found[829449, 2372]
    usage = reported(client, 2372)[829449, 2372]
    assert (one.usage, one.unit, one.money) == (usage, "H", usage * Decimal("0.0048"))
    assert (one.product, one.feature_name, one.client_name) == ("CLOUD", "Public IP address", "SDG Test 2")
    assert (one.currency, one.tax, one.rule) == ("EUR", one.money * Decimal("0.19"), "commit")
    assert (one.period_start, one.period_end) == (date(2026, 10, 1), date(2026, 11, 1))
    assert not one.deleted


def test_both_generations_tell_the_same_expenses(credentials: Callable[..., Credentials]) -> None:
    def all_of(generation: Generation) -> list[Expense]:
        client = GcoreClient(credentials(api_token=API_TOKEN, generation=generation))
        wanted = {"CDN", "CLOUD", "WAAP"}
        return [one for one in client.expenses(**OCTOBER) if one.product in wanted]

    assert all_of(Generation.LEGACY) == all_of(Generation.CURRENT) != []


def test_expenses_of_one_customer_over_several_pages_and_months(client: GcoreClient) -> None:
    year: Any = {"date_from": date(2025, 11, 1), "date_to": date(2026, 10, 31)}
    everybody = list(client.expenses(**year))
    one = list(client.expenses(client_ids=[829517], **year))
    assert len(everybody) == len({line.id for line in everybody}) == 12 * 25 > 100
    assert [line for line in everybody if line.client_id == 829517] == one
    assert len({line.for_date for line in one}) == 12


def test_lines_taken_back_and_lines_told_twice_come_as_they_are(
    client: GcoreClient, gcore_simulator: Simulator
) -> None:
    gcore_simulator.state.set_knobs(duplicated=True, deleted=True)
    lines = list(client.expenses(**OCTOBER, client_ids=[829449]))
    by_feature = defaultdict(list)
    for line in lines:
        by_feature[line.feature_id].append((line.id, line.deleted, line.money))
    first, again, anew = by_feature[92]
    assert first == again
    assert (first[1], anew[1]) == (True, False)
    assert anew[0] != first[0]
    assert anew[2] == 2 * first[2]


def test_the_newest_template_is_used_unless_one_is_named(
    credentials: Callable[..., Credentials], gcore_simulator: Simulator
) -> None:
    for given, expected in (
        ({"generation": Generation.LEGACY}, "ResellerStatistics"),
        ({"generation": Generation.CURRENT}, "ResellerStatisticsV2"),
        ({"template": "ResellerStatistics"}, "ResellerStatistics"),
    ):
        client = GcoreClient(credentials(api_token=API_TOKEN, **given))
        task_id = client.report_create(features=[92], **OCTOBER)
        assert gcore_simulator.state.tasks[task_id].template == expected


def test_the_last_day_is_in_the_report_whatever_gcore_means_by_it(
    credentials: Callable[..., Credentials], gcore_simulator: Simulator
) -> None:
    inclusive = GcoreClient(credentials(api_token=API_TOKEN))
    exclusive = GcoreClient(credentials(api_token=API_TOKEN, end_is_exclusive=True))
    whole = reported(inclusive, 92)
    gcore_simulator.state.set_knobs(exclusive_end=True)
    assert reported(exclusive, 92) == whole
    assert all(short < whole[key] for key, short in reported(inclusive, 92).items())


def test_a_report_may_be_of_one_customer(client: GcoreClient) -> None:
    file = io.BytesIO()
    task_id = client.report_create(features=[92], client_id=829517, **OCTOBER)
    client.report_download(task_id, file)
    assert [line.split(",")[0] for line in file.getvalue().decode().splitlines()[1:]] == ["829517"]


def test_statistics_fit_the_reports(client: GcoreClient) -> None:
    billed = reported(client, 92, 17001, 2372)
    cdn = client.cdn_statistics(metrics=["sent_bytes"], client_ids=[829449, 829517], **OCTOBER)
    waap = list(client.waap_statistics("requests", **OCTOBER))
    cloud = client.cloud_usage(829449, **OCTOBER)
    assert len(cdn) == len(waap) == 2 * 31
    assert cdn[0].at.isoformat() == "2026-10-01T00:00:00+00:00"
    for client_id in (829449, 829517):
        sent = sum(point.value for point in cdn if point.client_id == client_id)
        requests = sum(point.value for point in waap if point.client_id == client_id)
        assert sent == billed[client_id, 92] * 10**9
        assert requests == billed[client_id, 17001] * 10**6
    minutes = sum(one.value for one in cloud if one.metric == "external_ip_min")
    assert (minutes, {one.unit for one in cloud}) == (billed[829449, 2372] * 60, {"minutes", "gbminutes"})


def test_no_traffic_is_no_points(client: GcoreClient) -> None:
    assert client.cdn_statistics(client_ids=[830944], **OCTOBER) == []
    assert list(client.waap_statistics("domains", client_ids=[830102], **OCTOBER)) == []
    assert client.cloud_usage(830944, **OCTOBER) == []


def test_each_products_refusals_are_put_into_words(client: GcoreClient) -> None:
    year: Any = {"date_from": date(2025, 1, 1), "date_to": date(2026, 10, 31)}
    with pytest.raises(PermanentError, match="400: The range must be at most 365 days"):
        client.cdn_statistics(**year)
    with pytest.raises(PermanentError, match="400: The period must be 1 to 31 days"):
        client.cloud_usage(829449, **year)
    with pytest.raises(PermanentError, match="404: Unknown metric"):
        list(client.waap_statistics("clicks", **OCTOBER))
    with pytest.raises(PermanentError, match="404: Not found"):
        client.cloud_usage(1, **OCTOBER)
