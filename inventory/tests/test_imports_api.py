"""Files over the API: sent, looked at, confirmed and undone by whoever may."""

import json
from typing import Any, Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Tenant
from inventory.models import CostLine, Import
from inventory.services import profiles
from inventory.tasks import check_import
from inventory.tests.files import csv_bytes, json_bytes
from inventory.tests.rows import cost, resource
from inventory.tests.test_importing_costs import on

URL: Final = "/api/v1/imports"


def send(api: Any, content: bytes, kind: str = "costs", **fields: str) -> Any:
    file = SimpleUploadedFile("march.csv", content)
    return api.post(URL, {"file": file, "kind": kind, **fields}, format="multipart")


def test_a_file_goes_all_the_way_and_back(api: Any, acme: Tenant) -> None:
    sent = send(api, csv_bytes([on(10, "1.5"), on(11, "x"), on(12, "2")]))
    body = sent.json()
    assert (sent.status_code, body["state"], body["layout"], body["missing"]) == (
        201,
        "received",
        "focus-1.0",
        [],
    )
    assert body["mapping"]["billed_cost"] == "BilledCost"
    one = f"{URL}/{body['id']}"
    seen = api.post(f"{one}/preview")
    body = seen.json()
    assert (seen.status_code, body["state"], body["rows"], body["rejected"]) == (200, "checked", 3, 1)
    assert (body["totals"], body["inserted"]) == ({"USD": "3.5"}, 2)
    assert body["errors"] == [{"row": 3, "field": "BilledCost", "message": "Give a decimal number."}]
    days = api.get(f"{one}/days").json()
    assert [(d["day"], d["lines"], d["costs"], d["lines_now"]) for d in days["items"]] == [
        ("2026-03-10", 1, {"USD": "1.5"}, 0), ("2026-03-12", 1, {"USD": "2"}, 0),
    ]  # fmt: skip
    rejects = api.get(f"{one}/rejects")
    assert rejects["Content-Type"] == "text/csv"
    assert b",x," in rejects.getvalue()
    assert api.get("/api/v1/costs").json()["total"] == 0
    assert api.post(f"{one}/confirm").json()["state"] == "applied"
    assert api.get("/api/v1/costs").json()["total"] == 2
    assert api.post(f"{one}/confirm").status_code == 409
    assert api.delete(one).status_code == 409
    again = send(api, csv_bytes([on(10, "1.5"), on(11, "x"), on(12, "2")]))
    assert (again.status_code, again.json()["id"]) == (200, body["id"])
    assert api.post(f"{one}/undo").json()["state"] == "undone"
    assert api.get("/api/v1/costs").json()["total"] == 0
    assert [run["state"] for run in api.get(f"{URL}?origin=file").json()["items"]] == ["undone"]


def test_a_file_is_mapped_and_its_mapping_saved(api: Any, acme: Tenant) -> None:
    content = csv_bytes([{"When": "10.3.2026", "Priced": "1,5", "vendor": "ovh", "What": "VPS"}])
    body = send(api, content).json()
    assert (body["missing"], body["unused"]) == (["charge_start", "billed_cost"], ["When", "Priced", "What"])
    one = f"{URL}/{body['id']}"
    lacking = api.post(f"{one}/preview")
    assert (lacking.status_code, lacking.json()["errors"][0]["field"]) == (400, "columns.charge_start")
    columns = {"charge_start": "When", "billed_cost": "Priced", "service_name": "What"}
    options = {"decimal_comma": True, "currency": "EUR"}
    assert api.patch(one, {"columns": columns, **options}).json()["missing"] == []
    assert api.post(f"{one}/preview").json()["totals"] == {"EUR": "1.5"}
    assert api.delete(one).status_code == 204
    names = {ours: [theirs] for ours, theirs in {**columns, "provider": "vendor"}.items()}
    made = api.post("/api/v1/mapping-profiles", {"name": "ovh", "kind": "costs", "columns": names, **options})
    assert made.status_code == 201
    assert api.get(f"/api/v1/mapping-profiles/{made.json()['id']}").json()["columns"] == names
    body = send(api, content).json()
    assert (body["layout"], body["missing"], body["settings"]["currency"]) == ("ovh", [], "EUR")
    assert api.delete(f"/api/v1/mapping-profiles/{made.json()['id']}").status_code == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x", "kind": "costs", "columns": {"nothing": ["a"]}}, 400),
        ({"name": "aws-cur", "kind": "costs", "columns": {"region": ["a"]}}, 409),
        ({"name": "x", "kind": "costs", "columns": {"region": []}}, 400),
    ],
)
def test_a_profile_that_means_nothing_is_refused(api: Any, acme: Tenant, body: Any, code: int) -> None:
    assert api.post("/api/v1/mapping-profiles", body).status_code == code


def test_profiles_have_an_end(api: Any, acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "MOST", 1)
    body = {"kind": "costs", "columns": {"region": ["a"]}}
    codes = [api.post("/api/v1/mapping-profiles", {**body, "name": name}).status_code for name in ("x", "y")]
    assert codes == [201, 409]


@pytest.mark.parametrize(
    ("content", "fields", "code", "message"),
    [
        (b"", {}, 400, "The file is empty."),
        (b"PK\x03\x04", {}, 400, "damaged"),
        (b"a,b\n1,2", {"kind": "fun"}, 400, "kind"),
        (b"a,b\n1,2", {"source": "a/b"}, 400, "source"),
        (b"a,b\n1,2", {"profile": "none"}, 400, "no profile"),
        (b"a,b\n1,2", {"organization_id": "rival"}, 403, "tenant"),
        (b"a,b\n" + b"1,2\n" * 1000, {}, 413, "larger than 1000"),
    ],
)
def test_what_cannot_be_taken_is_refused(
    api: Any, acme: Tenant, settings: Any, content: bytes, fields: dict[str, str], code: int, message: str
) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    answer = send(api, content, **{"kind": "costs", **fields})
    assert (answer.status_code, Import.objects.count()) == (code, 0)
    assert message in answer.content.decode()


def test_a_file_announced_as_too_large_is_not_read(api: Any, acme: Tenant, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    answer = send(api, b"a" * 100_000)
    assert answer.status_code == 413


def test_reading_is_not_importing(client_for: Any, key: Any, acme: Tenant) -> None:
    reader = client_for(key("read"))
    assert send(reader, b"a,b\n1,2").status_code == 403
    assert reader.get(URL).status_code == 200


def test_a_large_file_is_left_to_a_worker(api: Any, acme: Tenant, monkeypatch: Any) -> None:
    asked: list[str] = []

    def ask(task: str, import_id: str) -> bool:
        asked.append(import_id)
        return True

    monkeypatch.setattr("inventory.services.imports.INLINE_BYTES", 10)
    monkeypatch.setattr("inventory.services.imports.ask_worker", ask)
    one = f"{URL}/{send(api, csv_bytes([on(10)])).json()['id']}"
    seen = api.post(f"{one}/preview")
    assert (seen.status_code, seen.json()["state"]) == (202, "checking")
    assert (api.post(f"{one}/preview").status_code, len(asked)) == (202, 1)
    assert api.post(f"{one}/confirm").status_code == 409
    check_import(asked[0])
    check_import(asked[0])  # told twice, done once
    assert (api.get(one).json()["state"], CostLine.objects.count()) == ("checked", 1)


def test_without_a_worker_it_is_checked_at_once(api: Any, acme: Tenant, monkeypatch: Any) -> None:
    monkeypatch.setattr("inventory.services.imports.INLINE_BYTES", 10)
    monkeypatch.setattr("inventory.services.imports.ask_worker", lambda task, **said: False)
    one = f"{URL}/{send(api, csv_bytes([on(10)])).json()['id']}"
    assert api.post(f"{one}/preview").json()["state"] == "checked"


def test_resources_go_the_same_way(api: Any, acme: Tenant) -> None:
    rows = [resource(1), resource(2, state=None)]
    one = (
        f"{URL}/{send(api, json_bytes(json.loads(json.dumps(rows, default=str))), 'resources').json()['id']}"
    )
    body = api.post(f"{one}/preview").json()
    assert (body["inserted"], body["rejected"]) == (1, 1)
    assert api.get("/api/v1/resources").json()["total"] == 0
    api.post(f"{one}/confirm")
    assert api.get("/api/v1/resources").json()["total"] == 1
    assert (
        json.loads(api.get(f"{one}/rejects").getvalue())[0]["x_RejectReason"] == "2: state: It is required."
    )
    api.post(f"{one}/undo")
    assert api.get("/api/v1/resources").json()["total"] == 0


def test_calls_of_the_bulk_api_are_in_the_list(api: Any, acme: Tenant) -> None:
    api.post("/api/v1/costs/bulk", {"items": [cost()]})
    run = api.get(URL).json()["items"][0]
    assert (run["origin"], run["state"], run["totals"]) == ("api", "applied", {"USD": "12.34"})
    assert api.get(f"{URL}/{run['id']}").json()["mapping"] == {}
    assert api.post(f"{URL}/{run['id']}/undo").status_code == 409


def test_what_came_in_no_file_is_not_read_again(api: Any, acme: Tenant) -> None:
    api.post("/api/v1/resources/bulk", {"items": [resource()]})
    one = f"{URL}/{Import.objects.get().pk}"
    assert api.post(f"{one}/preview").status_code == 409
    assert api.patch(one, {"profile": "plain"}).status_code == 409
    assert api.get(one).json()["missing"] == []
