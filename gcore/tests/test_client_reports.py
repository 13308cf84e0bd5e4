"""A report from its features to its file, over HTTP, on both generations of paths."""

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from gcore.client import GcoreClient, Product, ReportFormat, ReportState
from gcore.errors import PermanentError
from gcore.simulator import Simulator

SEPTEMBER: Any = {"date_from": date(2025, 9, 1), "date_to": date(2025, 9, 24)}


def ids(client: GcoreClient, product: Product) -> list[int]:
    return [feature.id for feature in client.features(product)]


def test_features_are_those_of_the_product_and_no_others(client: GcoreClient) -> None:
    assert ids(client, Product.CDN) == [92, 94, 108]
    assert ids(client, Product.CLOUD) == [2362, 2363, 2372, 13107]
    assert ids(client, Product.WAAP) == [17001, 17002]


def test_a_product_without_features_has_none(client: GcoreClient, gcore_simulator: Simulator) -> None:
    gcore_simulator.state.set_knobs(hidden_products=["WAAP"])
    assert ids(client, Product.WAAP) == []
    with pytest.raises(PermanentError, match="no features"):
        client.report_create(features=[], **SEPTEMBER)
    assert gcore_simulator.state.tasks == {}


def test_more_features_than_a_page_are_all_read(client: GcoreClient, gcore_simulator: Simulator) -> None:
    gcore_simulator.state.set_knobs(extra_features=250)
    assert len(ids(client, Product.CDN)) == 253


def test_a_report_is_made_and_downloaded(client: GcoreClient) -> None:
    task_id = client.report_create(features=[2362, 2372], **SEPTEMBER)
    status = client.report_status(task_id)
    assert (status.id, status.state, status.said) == (task_id, ReportState.COMPLETED, "Completed")
    file = io.BytesIO()
    size = client.report_download(task_id, file)
    text = file.getvalue().decode()
    assert size == len(file.getvalue())
    assert text.endswith("\r\n")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == [
        "Client ID", "Company name", "Feature ID", "Feature name", "Metric value",
        "Region ID", "Region name", "Resource ID", "Resource name", "Unit name",
    ]  # fmt: skip
    assert {(row[0], row[2]) for row in rows} == {
        (client, feature) for client in ("829449", "829517", "830102") for feature in ("2362", "2372")
    }
    assert all(row[5:9] == ["", "", "", ""] and len(row[4].partition(".")[2]) == 4 for row in rows)
    assert Decimal(rows[0][4]) > 0


def test_the_file_comes_as_json_and_xlsx_too(client: GcoreClient) -> None:
    task_id = client.report_create(features=[92], **SEPTEMBER)
    bodies = {}
    for format in ReportFormat:
        file = io.BytesIO()
        client.report_download(task_id, file, format=format)
        bodies[format] = file.getvalue()
    assert bodies[ReportFormat.JSON].startswith(b'{"headers": ["Client ID"')
    assert bodies[ReportFormat.XLSX].startswith(b"PK")
