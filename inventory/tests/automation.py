"""Rules in tests: made, planned, and worked through without a worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.utils import timezone

from accounts.models import Tenant, User
from accounts.principals import SYSTEM, Principal, user_principal
from inventory import adapters
from inventory.adapters import Power, ProviderAway, ProviderError, Sighting
from inventory.models import AutomationRule, AutomationRun, Resource
from inventory.services.automation_plans import rule_plan
from inventory.services.automation_rules import rule_create
from inventory.services.automation_runs import run_approve
from inventory.services.automation_steps import run_step

STOP: Final = {"type": "stop"}
TAG: Final = {"type": "tag", "key": "review", "value": "yes"}


class FakeProvider:
    """Machines in memory; what was asked of them is in `calls`."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.powers: dict[str, Power] = {}
        self.busy: set[str] = set()
        self.away = False
        self.refusal = ""
        self.heeds = True

    def look(self, resource: Resource) -> Sighting:
        self._may_fail()
        power = self.powers.get(resource.resource_id, Power.RUNNING)
        return Sighting(power, resource.resource_id in self.busy, power.upper())

    def stop(self, resource: Resource) -> str:
        return self._act("stop", resource, Power.STOPPED)

    def start(self, resource: Resource) -> str:
        return self._act("start", resource, Power.RUNNING)

    def complaint(self, resource: Resource, receipt: str) -> str:
        return "no such luck"

    def _act(self, what: str, resource: Resource, power: Power) -> str:
        self._may_fail()
        if self.refusal:
            raise ProviderError(self.refusal)
        self.calls.append((what, resource.resource_id))
        if self.heeds:
            self.powers[resource.resource_id] = power
        return f"job-{len(self.calls)}"

    def _may_fail(self) -> None:
        if self.away:
            raise ProviderAway("It does not answer.")


@contextmanager
def registered(provider: str = "aws") -> Iterator[FakeProvider]:
    fake = FakeProvider()
    adapters.adapter_register(provider, fake)
    try:
        yield fake
    finally:
        del adapters._registered[provider]


def machine(tenant: Tenant, number: int | str = 1, **fields: Any) -> Resource:
    given = {
        "provider": "aws", "resource_id": f"i-{number}", "resource_type": "ec2.instance", "state": "running",
        "currency": "USD", "tags": {"env": "dev"}, "created_at": timezone.now(), **fields,
    }  # fmt: skip
    return Resource.objects.create(tenant=tenant, **given)


def fleet(tenant: Tenant, dev: int = 2, prod: int = 10) -> list[Resource]:
    """Machines i-1, i-2 … tagged env=dev, which are returned, and others tagged env=prod."""
    for number in range(prod):
        machine(tenant, f"prod-{number}", tags={"env": "prod"})
    return [machine(tenant, number) for number in range(1, dev + 1)]


def rule(tenant: Tenant, by: Principal = SYSTEM, **fields: Any) -> AutomationRule:
    given: dict[str, Any] = {"name": "Nights", "filter": "tag:env = dev", **fields}
    if "action_type" not in fields:
        given.setdefault("actions", [STOP])
    return rule_create(by=by, tenant=tenant, **given)


def person(user: User, tenant: Tenant) -> Principal:
    return user_principal(user).enter(tenant.slug)


def work(run: AutomationRun, clock: Any = None) -> AutomationRun:
    """All steps, each as if it were due, until the run has ended; with a clock 10 seconds apart."""
    for _ in range(20):
        run.refresh_from_db()
        if run.state not in AutomationRun.OPEN:
            break
        if clock is not None:
            clock.shift(10)
        AutomationRun.objects.filter(pk=run.pk).update(next_step_at=timezone.now())
        assert run_step(run_id=run.pk)
    return run


def done(rule: AutomationRule, by: Principal) -> AutomationRun:
    """Planned by the platform, approved by a person, worked through."""
    return work(run_approve(by=by, run=rule_plan(by=SYSTEM, rule=rule)))


def fates(run: AutomationRun) -> list[tuple[str, str, str]]:
    return [(str(one), one.state, one.result) for one in run.targets.all()]
