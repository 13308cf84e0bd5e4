"""The commands: files in and bills made, with one sentence for each mistake."""

import csv
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from unittest.mock import Mock

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from accounts.models import Tenant
from inventory.generator import Bills
from inventory.models import CostLine, Import, Resource
from inventory.queries.costs import cost_summary, live_lines
from inventory.services import imports
from inventory.tests.files import csv_bytes, received
from inventory.tests.test_importing_costs import on, told
from inventory.tests.test_imports_api import send

SAMPLES: Final = Path(settings.BASE_DIR) / "samples"


def run(*args: Any) -> dict[str, Any]:
    out = io.StringIO()
    call_command(*args, "--json", stdout=out, stderr=io.StringIO())
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


def stored() -> list[Any]:
    costs = CostLine.objects.live().order_by("charge_id", "charge_start", "pk")
    return [
        list(costs.values_list("charge_id", "charge_start", "billed_cost", "consumed_quantity", "currency")),
        list(
            Resource.objects.order_by("resource_id").values_list("resource_id", "state", "tags", "cost_daily")
        ),
    ]


def uploaded(api: Any, name: str, kind: str) -> str:
    body = send(api, (SAMPLES / name).read_bytes(), kind).json()
    for step in ("preview", "confirm"):
        answer = api.post(f"/api/v1/imports/{body['id']}/{step}")
        assert answer.status_code == 200, answer.json()
    return str(body["id"])


def test_the_samples_say_the_same_by_every_way_and_however_often(api: Any, acme: Tenant) -> None:
    for name, kind in (("resources.csv", "resources"), ("costs.csv", "costs")):
        with (SAMPLES / name).open() as file:
            items = list(csv.DictReader(file))
        for item in items:
            item.update({"tags": json.loads(item["tags"])} if "tags" in item else {})
        assert api.post(f"/api/v1/{kind}/bulk", {"items": items}).json()["inserted"] == 3
    first = stored()
    assert [len(part) for part in first] == [3, 3]
    for kind in ("resources", "costs"):
        said = run(f"import_{kind}", SAMPLES / f"{kind}.csv", "--tenant", "acme")
        assert (said["unchanged"], said["inserted"], said["removed"], stored()) == (3, 0, 0, first)
        again = run(f"import_{kind}", SAMPLES / f"{kind}.csv", "--tenant", "acme")
        assert (again["id"], stored()) == (said["id"], first)
        same = send(api, (SAMPLES / f"{kind}.csv").read_bytes(), kind)
        assert (same.status_code, same.json()["id"]) == (200, said["id"])
        assert api.post(f"/api/v1/imports/{said['id']}/undo").status_code == 200
        assert stored() == first
        uploaded(api, f"{kind}.csv", kind)
        assert stored() == first


def test_the_sample_of_focus_is_what_the_command_makes(acme: Tenant, tmp_path: Path) -> None:
    made = tmp_path / "focus.csv"
    said = run("make_costs", made, "--months", "1", "--start", "2026-03", "--resources", "7")
    assert made.read_bytes() == (SAMPLES / "focus.csv").read_bytes()
    answer = run("import_costs", made, "--tenant", "acme")
    assert (answer["inserted"], answer["warnings"]) == (said["rows"], [])
    assert sorted(answer["totals"]) == ["EUR", "USD"]


def test_bills_hold_what_was_planted(acme: Tenant, tmp_path: Path) -> None:
    bills, truth = tmp_path / "bills.csv.gz", tmp_path / "truth.json"
    said = run(
        "make_costs", bills, "--truth", truth, "--start", "2025-01", "--months", "3", "--resources", "7"
    )
    planted = json.loads(truth.read_text())["anomalies"]
    assert said["anomalies"] == len(planted) > 0
    run("import_costs", bills, "--tenant", "acme")
    one = next(anomaly for anomaly in planted if anomaly["service"] != "AmazonEC2")
    lines = live_lines(acme).filter(charge__service_name=one["service"], charge__charge_category="Usage")
    costs = {str(day): cost for day, cost in lines.values_list("cost_day__day", "effective_cost")}
    usual = sorted(costs.values())[len(costs) // 2]
    assert costs[one["start"]] > usual * Decimal(one["factor"]) * Decimal("0.5")
    assert run(
        "make_costs", tmp_path / "again.csv.gz", "--start", "2025-01", "--months", "3", "--resources", "7"
    )
    assert (tmp_path / "again.csv.gz").read_bytes() == bills.read_bytes()


def test_a_year_has_anomalies_of_every_service_and_none_at_once() -> None:
    start = date(2025, 1, 1)
    bills = Bills(seed=3, start=start, months=13, resources=7)
    assert len({a.service for a in bills.anomalies}) == 7
    assert Bills(seed=3, start=start, months=13, resources=7).truth() == bills.truth()
    assert Bills(seed=4, start=start, months=13, resources=7).truth() != bills.truth()


def test_a_dry_run_changes_nothing(acme: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "costs.csv"
    file.write_bytes(csv_bytes([on(10, "1")]))
    assert run("import_costs", file, "--tenant", "acme", "--dry-run")["inserted"] == 1
    assert (CostLine.objects.count(), Import.objects.count()) == (0, 0)


def test_bad_rows_stop_an_import_unless_told_otherwise(acme: Tenant, tmp_path: Path) -> None:
    file, bad = tmp_path / "costs.csv", tmp_path / "bad.csv"
    file.write_bytes(csv_bytes([on(10, "1"), on(11, "x")]))
    with pytest.raises(CommandError, match="1 of 2 rows are bad"):
        run("import_costs", file, "--tenant", "acme", "--rejects", bad)
    assert (told(acme), len(bad.read_bytes().splitlines())) == ([], 2)
    with pytest.raises(CommandError, match="1 of 2 rows are bad"):
        run("import_costs", file, "--tenant", "acme", "--partial")
    assert told(acme) == [("2026-03-10", 1)]
    bad.write_bytes(bad.read_bytes().replace(b",x,", b",2,"))
    run("import_costs", bad, "--tenant", "acme")
    assert told(acme) == [("2026-03-10", 1), ("2026-03-11", 2)]


def test_options_say_what_a_file_does_not(acme: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "costs.csv"
    file.write_text("service,date,cost\nVPS,3/4/26,5\n")
    run(
        "import_costs",
        file,
        "--tenant",
        "acme",
        "--provider",
        "ovh",
        "--currency",
        "EUR",
        "--date-order",
        "dmy",
    )
    assert told(acme) == [("2026-04-03", 5)]
    assert cost_summary(tenant=acme, period="all").currency == "EUR"


@pytest.mark.parametrize(
    ("content", "args", "reason"),
    [
        (b"a,b\n1,2\n", [], "no charge_start, billed_cost"),
        (b"", [], "file is empty"),
        (b"a,b\n1,2\n", ["--tenant", "nowhere"], "no active tenant"),
        (b"a,b\n1,2\n", ["--profile", "none"], "no profile"),
    ],
)
def test_a_mistake_is_said_in_a_sentence(
    acme: Tenant, tmp_path: Path, content: bytes, args: list[str], reason: str
) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(content)
    with pytest.raises(CommandError, match=reason):
        run("import_costs", file, "--tenant", "acme", *args)
    assert Import.objects.count() == 0
    with pytest.raises(CommandError, match="No such file"):
        run("import_costs", tmp_path / "none.csv", "--tenant", "acme")
    with pytest.raises(CommandError, match="a month"):
        run("make_costs", file, "--start", "March")


def test_a_check_that_is_broken_off_may_be_begun_again(
    acme: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "costs.csv"
    file.write_bytes(csv_bytes([on(10, "1")]))
    with monkeypatch.context() as patch:
        patch.setattr(imports, "_read_file", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run("import_costs", file, "--tenant", "acme")
    assert Import.objects.get().state == Import.State.RECEIVED
    assert run("import_costs", file, "--tenant", "acme")["inserted"] == 1


def test_a_file_that_waits_is_taken_up(acme: Tenant, tmp_path: Path) -> None:
    content = csv_bytes([on(10, "1")])
    waiting = received(acme, content)
    file = tmp_path / "f.csv"
    file.write_bytes(content)
    assert run("import_costs", file, "--tenant", "acme")["id"] == str(waiting.pk)
