"""`manage.py gcore_import`."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from accounts.models import Tenant
from gcore.management.commands import gcore_import
from gcore.models import ProviderImport
from gcore.simulator import Simulator
from gcore.tests.reports import CLIENT, STRANGER, map_client
from inventory.models import CostLine
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_waiting(
    monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller, gcore_simulator: Simulator
) -> None:
    monkeypatch.setattr(gcore_import, "sleep", clock.shift)
    clock.move_to(datetime(2026, 3, 4, 12, tzinfo=UTC))


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("gcore_import", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_month_comes_in_up_to_yesterday_once(acme: Tenant) -> None:
    map_client(acme)
    map_client(acme, STRANGER)
    said = json.loads(run("--month", "2026-03", "--client", CLIENT, "--json")[0])
    assert said == {"completed": 10, "failed": 0, "stored": 45, "errors": []}
    assert UsageEvent.objects.count() == 27
    assert CostLine.objects.count() == 18
    assert set(UsageEvent.objects.values_list("user_id", flat=True)) == {CLIENT}
    said = json.loads(run("--month", "2026-03", "--client", CLIENT, "--json")[0])
    assert said == {"completed": 10, "failed": 0, "unchanged": 45, "errors": []}
    assert (UsageEvent.objects.count(), CostLine.objects.count()) == (27, 18)


def test_what_does_not_come_in_is_told_with_the_reason(acme: Tenant, gcore_simulator: Simulator) -> None:
    map_client(acme)
    gcore_simulator.state.set_knobs(hidden_products=["WAAP"])
    with pytest.raises(CommandError, match="3 did not come in"):
        run("--month", "2026-03")
    failed = ProviderImport.objects.exclude(state="completed")
    assert {(one.kind, one.error) for one in failed} == {("waap", "Gcore lists no features of WAAP.")}
    assert UsageEvent.objects.count() == 21


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--month", "2026-13"], "'2026-13' is no month"),
        (["--month", "2026-04"], "No day of 2026-04 is over"),
        (["--month", "2026-03", "--client", "1"], "No such Gcore client"),
        (["--month", "2026-03", "--tenant", "rival"], "No such Gcore client"),
    ],
)
def test_a_call_that_makes_no_sense_asks_gcore_nothing(
    acme: Tenant, gcore_simulator: Simulator, arguments: list[str], message: str
) -> None:
    map_client(acme)
    with pytest.raises(CommandError, match=message):
        run(*arguments)
    assert not gcore_simulator.state.calls
    assert not ProviderImport.objects.exists()
