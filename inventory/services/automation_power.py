"""Machines stopped and started at their provider."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from inventory.actions import action_name
from inventory.adapters import Power, ProviderAdapter, ProviderAway, ProviderError, Sighting, adapter_for
from inventory.models import AutomationRun, AutomationTarget, Resource
from inventory.services.automation_targets import resource_change, target_end, target_intend, target_note

State = AutomationTarget.State
MOST_ATTEMPTS: Final = 5  # calls that were not answered
PATIENCE: Final = timedelta(minutes=30)  # from the call until the machine is as it was asked to be
WANTED: Final = {"stop": Power.STOPPED, "start": Power.RUNNING}
BACK: Final = {"stop": "start", "start": "stop"}


def power_step(run: AutomationRun, target: AutomationTarget) -> None:
    """Look at the machine, then ask for what is wanted, or see what became of it. Errors: LeaseLost."""
    assert target.resource is not None  # noqa: S101  (what is gone was skipped before)
    try:
        adapter = adapter_for(target.provider)
        seen = adapter.look(target.resource)
        if target.state == State.PLANNED:
            _begin(run, target, adapter, seen)
        else:
            _see(run, target, adapter, seen)
    except ProviderAway as error:
        _away(run, target, error)
    except ProviderError as error:
        target_end(run, target, State.FAILED, error.message)


def _begin(run: AutomationRun, target: AutomationTarget, adapter: ProviderAdapter, seen: Sighting) -> None:
    if seen.busy or seen.power != target.expects["state"]:
        at_it = ", and something is at it" if seen.busy else ""
        target_end(run, target, State.SKIPPED, f"At {target.provider} it is {seen.said} by now{at_it}.")
    else:
        _ask(run, target, adapter)


def _see(run: AutomationRun, target: AutomationTarget, adapter: ProviderAdapter, seen: Sighting) -> None:
    """What became of a call, whether or not its answer came."""
    if seen.power == WANTED[action_name(target.action)] and not seen.busy:
        _done(run, target, seen)
    elif target.acted_at is not None and timezone.now() - target.acted_at > PATIENCE:
        target_end(run, target, State.FAILED, f"It is still {seen.said} after {PATIENCE}.")
    elif not seen.busy and target.receipt:
        complaint = adapter.complaint(target.resource, target.receipt) if target.resource else ""
        why = complaint or f"it is {seen.said}"
        target_end(run, target, State.FAILED, f"{target.provider} took it on as {target.receipt}, but: {why}")
    elif not seen.busy:
        _ask(run, target, adapter)


def _ask(run: AutomationRun, target: AutomationTarget, adapter: ProviderAdapter) -> None:
    if target.attempts >= MOST_ATTEMPTS:
        target_end(run, target, State.FAILED, f"{target.provider} gave no answer {target.attempts} times.")
        return
    target_intend(run, target)
    call: Callable[[Resource], str] = adapter.stop if action_name(target.action) == "stop" else adapter.start
    assert target.resource is not None  # noqa: S101
    target_note(target, receipt=call(target.resource)[:255])


def _away(run: AutomationRun, target: AutomationTarget, error: ProviderAway) -> None:
    """Asked again at the next pass, but not for ever."""
    attempts = target.attempts + (target.state == State.PLANNED)
    since = target.acted_at or run.created_at
    if target.state == State.PLANNED and attempts >= MOST_ATTEMPTS:
        target_end(run, target, State.FAILED, f"Nothing was done: {error.message}")
    elif target.state == State.ACTING and timezone.now() - since > PATIENCE:
        target_end(run, target, State.FAILED, f"It is not known what became of it: {error.message}")
    else:
        target_note(target, attempts=attempts, result=error.message[:2000])


@transaction.atomic
def _done(run: AutomationRun, target: AutomationTarget, seen: Sighting) -> None:
    """The ledger learns what the provider says, as its next telling would."""
    rows = Resource.objects.for_tenant(run.tenant).select_for_update(of=("self",)).select_related("tenant")
    resource = rows.get(pk=target.resource_id)
    inverse = {"type": BACK[action_name(target.action)]}
    if resource.state != seen.power:
        resource_change(run, resource, state=str(seen.power))
    target_end(run, target, State.DONE, f"It is {seen.said}.", inverse=inverse)
