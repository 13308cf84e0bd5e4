"""Planted waste is found, through the commands: precision and recall of each rule against the truth."""

import json
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Tenant
from inventory.planted import PlantedFleet
from inventory.rules import RULES

SURE = {
    "stopped_machine", "unattached_volume", "unused_address", "old_snapshot", "idle_balancer",
    "commitment_expiring", "commitment_unused", "commitment_coverage", "untagged", "no_owner",
}  # fmt: skip


def run(*arguments: Any) -> Any:
    out = StringIO()
    call_command(*map(str, arguments), "--json", stdout=out)
    return json.loads(out.getvalue())


def test_planted_waste_is_found(
    acme: Tenant, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    bill, stock, truth = (tmp_path / name for name in ("bill.csv", "stock.csv", "truth.json"))
    made = ["--start", "2025-07", "--months", "2", "--resources", "7", "--planted", "120"]
    run("make_costs", bill, "--inventory", stock, "--truth", truth, *made)
    run("import_resources", stock, "--tenant", "acme")
    with django_capture_on_commit_callbacks(execute=True):  # has statistics of what came
        run("import_costs", bill, "--tenant", "acme")
    body = run("recommend", "--tenant", "acme", "--as-of", "2025-09-01", "--truth", truth)
    scores = body["scores"]
    assert body["opened"] == sum(score["found"] for score in scores.values())
    sure = {rule: (score["precision"], score["recall"]) for rule, score in scores.items() if rule in SURE}
    assert sure == dict.fromkeys(sure, (1.0, 1.0))
    assert SURE - sure.keys() <= {"idle_balancer"}  # of which there are few
    for rule in ("idle_machine", "oversized_machine", "off_hours", "old_generation"):
        assert scores[rule]["precision"] >= 0.6, rule
        assert scores[rule]["recall"] >= 0.6, rule
    again = run("recommend", "--tenant", "acme", "--as-of", "2025-09-01")
    assert (again["opened"], again["updated"], again["closed"], again["scores"]) == (0, 0, 0, {})


def test_the_same_seed_plants_the_same_and_something_for_every_rule() -> None:
    fleet = PlantedFleet(seed=1, today=date(2026, 1, 1), resources=1000)
    again = PlantedFleet(seed=1, today=date(2026, 1, 1), resources=1000)
    assert list(fleet.table()) == list(again.table())
    assert (fleet.truth, set(fleet.truth)) == (again.truth, set(RULES))
    assert PlantedFleet(seed=2, today=date(2026, 1, 1), resources=1000).truth != fleet.truth
    assert {name for names in fleet.truth.values() for name in names if "/" in name} <= {
        one.name for one in fleet.resources
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tenant", "nobody"], "no active tenant"),
        (["--tenant", "acme", "--as-of", "x"], "is a day"),
        (["--tenant", "acme", "--truth", "/nothing"], "/nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(acme: Tenant, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("recommend", *arguments)
