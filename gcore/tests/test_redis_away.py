"""While no worker can be asked for, beat's own sweep takes reports to their end."""

import pytest
import time_machine

from accounts.models import Tenant
from gcore.services import reports
from gcore.simulator import Simulator
from gcore.tasks import sweep_reports
from gcore.tests.reports import again, ask, rows_of, work

pytestmark = pytest.mark.django_db
EVERY = 10  # seconds


def test_a_report_is_made_by_the_sweep_alone(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = work(ask(acme), clock)
    monkeypatch.setattr(reports, "ask_worker", lambda *args, **kwargs: False)
    job = ask(acme, refresh=True)
    states = []
    while (job := again(job)).is_running:
        clock.shift(EVERY)
        sweep_reports()
        states.append(again(job).state)
    assert states[0] == "queued"
    assert (states[-1], len(states)) == ("completed", 5)
    assert rows_of(job) == rows_of(usual)
