"""A worker killed twice in the midst of a rule's run: each machine at Gcore is asked exactly once."""

import time
from typing import Final

import pytest

from accounts.background import ask_worker
from accounts.models import ActivityEntry, Tenant
from gcore.simulator import Simulator
from gcore.tests.machines import OURS, asked, machine_resources, stop_all
from inventory.models import AutomationRun
from tests.faults.programs import Worker
from tests.faults.stack import eventually

pytestmark = [pytest.mark.full, pytest.mark.faults, pytest.mark.django_db(transaction=True)]
HELD: Final = 600.0  # seconds that Gcore would take for an answer; the worker is dead long before
ACTION: Final = "/cloud/v2/instances/.*/action"


def test_each_machine_is_asked_once_though_the_worker_is_killed(
    acme: Tenant, gcore: Simulator, worker: Worker
) -> None:
    machine_resources(acme)
    # Gcore does what the first call asks, and its answer never comes; of the second call it hears nothing.
    gcore.state.add_fault(method="POST", path=ACTION, drip=HELD)
    run = stop_all(acme)
    assert eventually(lambda: len(asked(gcore)) == 1), worker.log_tail()
    gcore.state.add_fault(method="POST", path=ACTION, delay=HELD)
    worker.kill()
    worker.start()
    assert eventually(lambda: swept() and not gcore.state.faults), worker.log_tail()
    worker.kill()
    assert (state_of(run), len(asked(gcore))) == ("running", 1)
    worker.start()
    assert eventually(lambda: swept() and state_of(run) == "completed"), worker.log_tail()
    run.refresh_from_db()
    assert run.message == "6 done, 0 skipped, 0 failed"
    assert asked(gcore) == sorted((one.id, "stop") for one in OURS)
    assert ActivityEntry.objects.filter(type="automation_target.done").count() == 6


def swept() -> bool:
    """With the sweep that beat would ask for."""
    ask_worker("inventory.sweep_automation")
    time.sleep(0.5)
    return True


def state_of(run: AutomationRun) -> str:
    return str(AutomationRun.objects.values_list("state", flat=True).get(pk=run.pk))
