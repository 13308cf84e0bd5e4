"""Customers' machines at the simulated Gcore as resources of a tenant, and a rule that stops them."""

from typing import Final

from django.utils import timezone

from accounts.models import Tenant
from accounts.principals import SYSTEM
from gcore.simulator import Simulator
from gcore.simulator.instances import MACHINES, Machine
from gcore.tests.reports import CLIENT, map_client
from inventory.models import AutomationRule, AutomationRun, CloudAccount, Resource
from inventory.services.automation_plans import rule_fire
from inventory.services.automation_rules import rule_create

OURS: Final = [machine for machine in MACHINES.values() if str(machine.client.id) == CLIENT]


def machine_resources(tenant: Tenant, client_id: str = CLIENT) -> list[Resource]:
    """All machines of the client, which is mapped to the tenant."""
    map_client(tenant, client_id)
    account = CloudAccount.objects.create(tenant=tenant, provider="gcore", account_id=client_id)
    return [
        Resource.objects.create(
            tenant=tenant, provider="gcore", resource_id=native_id(one), cloud_account=account, name=one.name,
            resource_type="instance", region=one.place.region, state="running", currency="EUR",
            created_at=timezone.now(),
        )
        for one in MACHINES.values() if str(one.client.id) == client_id
    ]  # fmt: skip


def native_id(machine: Machine) -> str:
    return f"{machine.project_id}/{machine.place.region_id}/{machine.id}"


def stop_all(tenant: Tenant) -> AutomationRun:
    """A run that stops all of them, approved already."""
    rule: AutomationRule = rule_create(
        by=SYSTEM, tenant=tenant, name="Stop", filter="provider = gcore", actions=[{"type": "stop"}],
        max_percent=100, requires_approval=False,
    )  # fmt: skip
    run = rule_fire(rule=rule, cause="a test")
    assert run is not None
    return run


def asked(gcore: Simulator) -> list[tuple[str, str]]:
    """What each machine was asked for and Gcore took on, in the order of the machines' ids."""
    return sorted((action.machine, action.what) for action in gcore.state.actions)
