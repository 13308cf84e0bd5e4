"""A worker dies at the worst moment of a rule's run: each machine is asked exactly once all the same."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from gcore.client import GcoreClient
from gcore.simulator import Simulator
from gcore.tests.machines import OURS, asked, machine_resources, stop_all
from gcore.tests.test_killed_workers import Killed, after, before
from inventory.models import Resource, ResourceChange
from inventory.services import automation_power, automation_steps
from inventory.services.automation_runs import run_undo
from inventory.tests.automation import work

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("where", "name", "how", "slow"),
    [
        (automation_steps, "_pass", before, 0),  # with the lease, and nothing done
        (automation_power, "target_intend", after, 0),  # it is written down, and Gcore was not asked
        (GcoreClient, "instance_act", after, 0),  # Gcore did it, and nobody knows
        (GcoreClient, "instance_act", after, 30),  # Gcore is at it
        (automation_power, "target_note", after, 30),
        (automation_power, "target_end", before, 0),  # in the transaction that ends a target
        (automation_steps, "run_end", before, 0),
    ],
)  # fmt: skip
def test_each_machine_is_asked_once_whenever_the_worker_dies(
    acme: Tenant,
    gcore_simulator: Simulator,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    where: Any,
    name: str,
    how: Callable[..., Any],
    slow: float,
) -> None:
    gcore_simulator.state.set_knobs(action_seconds=slow)
    machine_resources(acme)
    run = stop_all(acme)
    with monkeypatch.context() as patch:
        patch.setattr(where, name, how(getattr(where, name)))
        with pytest.raises(Killed):
            work(run, clock)
    run = work(run, clock)
    assert (run.state, run.message) == ("completed", "6 done, 0 skipped, 0 failed")
    assert asked(gcore_simulator) == sorted((one.id, "stop") for one in OURS)
    assert ActivityEntry.objects.filter(type="automation_target.done").count() == 6
    assert ResourceChange.objects.count() == Resource.objects.filter(state="stopped").count() == 6
    assert ActivityEntry.objects.filter(type="automation_run.completed").count() == 1


def test_an_undo_survives_its_worker_too(
    acme: Tenant, gcore_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine_resources(acme)
    undo = run_undo(by=SYSTEM, run=work(stop_all(acme)))
    with monkeypatch.context() as patch:
        patch.setattr(GcoreClient, "instance_act", after(GcoreClient.instance_act))
        with pytest.raises(Killed):
            work(undo)
    assert work(undo).message == "6 done, 0 skipped, 0 failed"
    assert [what for _, what in asked(gcore_simulator)] == ["start", "stop"] * 6
