"""Rules stop and start machines at Gcore, over HTTP, in the name of the tenant's own customers alone."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Tenant
from accounts.principals import SYSTEM
from gcore.client import Credentials, GcoreClient
from gcore.errors import PermanentError, TransientError
from gcore.models import ClientMapping
from gcore.simulator import Simulator
from gcore.simulator.instances import MACHINES
from gcore.tests.machines import OURS, asked, machine_resources, native_id, stop_all
from gcore.tests.reports import STRANGER, map_client
from inventory.adapters import Power, ProviderAway, ProviderError, adapter_for
from inventory.models import AutomationRun, Resource
from inventory.services.automation_runs import run_undo
from inventory.services.automation_steps import run_step
from inventory.tests.automation import fates, work

pytestmark = pytest.mark.django_db
FIRST = OURS[0]
PLACE = f"{FIRST.project_id}/{FIRST.place.region_id}"


@pytest.fixture
def reseller(credentials: Callable[..., Credentials], waits: list[float]) -> GcoreClient:
    """A client with a name and password, which does not really wait."""
    return GcoreClient(credentials())


def test_a_rule_stops_machines_and_undo_starts_them(acme: Tenant, gcore_simulator: Simulator) -> None:
    machine_resources(acme)
    run = work(stop_all(acme))
    assert (run.state, run.message) == ("completed", "6 done, 0 skipped, 0 failed")
    assert asked(gcore_simulator) == sorted((one.id, "stop") for one in OURS)
    assert set(Resource.objects.values_list("state", flat=True)) == {"stopped"}
    work(run_undo(by=SYSTEM, run=run))
    assert [what for _, what in asked(gcore_simulator)] == ["start", "stop"] * 6
    assert set(Resource.objects.values_list("state", flat=True)) == {"running"}


def test_it_is_done_when_gcore_says_so(acme: Tenant, gcore_simulator: Simulator, clock: Any) -> None:
    gcore_simulator.state.set_knobs(action_seconds=40)
    machine_resources(acme)
    run = stop_all(acme)
    for _ in range(3):
        clock.shift(10)
        AutomationRun.objects.update(next_step_at=run.created_at)
        assert run_step(run_id=run.pk)
    assert {state for _, state, _ in fates(run)} == {"acting"}
    look = adapter_for("gcore").look(Resource.objects.all()[0])
    assert (look.power, look.busy, look.said) == (Power.RUNNING, True, "active (powering-off)")
    clock.shift(30)
    assert work(run).message == "6 done, 0 skipped, 0 failed"
    assert len(asked(gcore_simulator)) == 6


def test_a_task_that_fails_at_gcore_is_told_in_its_words(acme: Tenant, gcore_simulator: Simulator) -> None:
    gcore_simulator.state.set_knobs(action_error="No valid host was found")
    machine_resources(acme)
    run = work(stop_all(acme))
    assert run.message == "0 done, 0 skipped, 6 failed"
    assert fates(run)[0][2].endswith(", but: No valid host was found")
    assert len(asked(gcore_simulator)) == 6


def test_gcore_is_asked_once_when_no_answer_comes(
    reseller: GcoreClient, gcore_simulator: Simulator, waits: list[float]
) -> None:
    gcore_simulator.state.add_fault(method="POST", path=".*/action", cut=3)
    with pytest.raises(TransientError):
        reseller.instance_act(FIRST.client.id, PLACE, FIRST.id, "stop")
    assert (asked(gcore_simulator), waits) == ([(FIRST.id, "stop")], [])
    seen = reseller.instance(FIRST.client.id, PLACE, FIRST.id)
    assert (seen.id, seen.name, seen.state, seen.task) == (FIRST.id, FIRST.name, "stopped", "")


def test_what_gcore_refuses_is_refused(reseller: GcoreClient, gcore_simulator: Simulator) -> None:
    for place, machine, action, words in (
        ("1/1", FIRST.id, "stop", "404: Instance"),
        (PLACE, FIRST.id, "start", "409: Cannot start"),
        (PLACE, FIRST.id, "explode", "400: Unknown action"),
    ):
        with pytest.raises(PermanentError, match=words):
            reseller.instance_act(FIRST.client.id, place, machine, action)
    task = reseller.instance_act(FIRST.client.id, PLACE, FIRST.id, "stop")
    assert reseller.cloud_task(FIRST.client.id, task).state == "FINISHED"
    assert asked(gcore_simulator) == [(FIRST.id, "stop")]


def test_a_tenant_reaches_its_own_customers_alone(
    acme: Tenant, rival: Tenant, gcore_simulator: Simulator
) -> None:
    (resource, *_) = machine_resources(acme)
    theirs = Resource(tenant=rival, provider="gcore", resource_id=resource.resource_id)
    theirs.cloud_account = resource.cloud_account
    adapter = adapter_for("gcore")
    for verb in (adapter.look, adapter.stop, adapter.start):
        with pytest.raises(ProviderError, match="not one Gcore client of this tenant's"):
            verb(theirs)
    map_client(rival, STRANGER)
    with pytest.raises(ProviderError):
        adapter.look(theirs)
    ClientMapping.objects.for_tenant(acme).delete()
    with pytest.raises(ProviderError):
        adapter.look(resource)
    assert not gcore_simulator.state.calls


def test_a_machine_of_another_customer_is_not_found(acme: Tenant, gcore_simulator: Simulator) -> None:
    """The customer's own token is what asks, so another's machine does not exist for it."""
    other = next(one for one in MACHINES.values() if str(one.client.id) == STRANGER)
    (resource, *_) = machine_resources(acme)
    resource.resource_id = native_id(other)
    with pytest.raises(ProviderError, match="404"):
        adapter_for("gcore").stop(resource)
    assert asked(gcore_simulator) == []


def test_an_id_that_does_not_say_where_the_machine_is(acme: Tenant, gcore_simulator: Simulator) -> None:
    (resource, *_) = machine_resources(acme)
    for odd in ("i-1", FIRST.id, f"{PLACE}/../{FIRST.id}", f"{PLACE}/{FIRST.id}/action"):
        resource.resource_id = odd
        with pytest.raises(ProviderError, match="<project id>/<region id>"):
            adapter_for("gcore").look(resource)


def test_gcore_that_is_away_leaves_all_as_it_is(
    acme: Tenant, gcore_simulator: Simulator, waits: list[float]
) -> None:
    (resource, *_) = machine_resources(acme)
    gcore_simulator.state.add_fault(path="/cloud/.*", status=502, times=1000)
    with pytest.raises(ProviderAway):
        adapter_for("gcore").look(resource)
    run = work(stop_all(acme))
    assert run.message == "0 done, 0 skipped, 6 failed"
    assert all(result.startswith("Nothing was done: Gcore answered instance") for *_, result in fates(run))
    assert asked(gcore_simulator) == []
