"""The bills and resources of a development machine."""

from accounts.models import Tenant
from inventory.demo import demo_costs_load
from inventory.models import Budget, CostLine, Recommendation, Resource, SavedView
from inventory.queries.costs import resource_lines


def test_bills_and_resources_fit_together_and_come_once(acme: Tenant) -> None:
    rows = demo_costs_load(tenant=acme)
    assert rows == CostLine.objects.live().count() + Resource.objects.count()
    resources = list(Resource.objects.select_related("tenant"))
    assert len(resources) > 40
    billed = [resource for resource in resources if resource_lines(acme, resource).exists()]
    assert len(billed) > 0.8 * len(resources)
    found = set(Recommendation.objects.filter(status="open").values_list("rule", flat=True))
    assert found >= {"oversized_machine", "off_hours", "stopped_machine", "untagged", "commitment_coverage"}
    assert (SavedView.objects.count(), Budget.objects.count()) == (2, 1)
    assert demo_costs_load(tenant=acme) == 0
