"""A tenant whose folder `Shops/Web` is shared, and all that must stay out of sight of its guests.

Shops / Web / Cart   owns the machine i-cart and what it costs, 1 USD, and of S3 by hand 8 USD
Ops / Mail           owns the machine i-ops and, by its cost filter, SES, 2 USD
nothing              Support, 4 USD

There is a recommendation on each machine.
"""

from typing import NamedTuple

from accounts.models import Tenant
from accounts.principals import SYSTEM
from inventory.models import CostLine, Folder, FolderPermission, Product, Recommendation, Resource
from inventory.services.bulk import Sent, resources_bulk
from inventory.services.folders import folder_create
from inventory.services.products import product_create, product_give
from inventory.tests.bills import bill, load
from inventory.tests.rows import resource

DAY = "2026-03-02"


class Shops(NamedTuple):
    shops: Folder
    web: Folder
    ops: Folder
    cart: Product
    mail: Product

    @property
    def names(self) -> dict[str, str]:
        """What stands for each object in a path."""
        tenant = self.web.tenant
        resources = {row.resource_id: row.pk for row in Resource.objects.for_tenant(tenant)}
        lines = CostLine.objects.for_tenant(tenant).values_list("charge__service_name", "pk")
        advice = Recommendation.objects.for_tenant(tenant).values_list("description", "pk")
        own = {name: folder.pk for name, folder in self._asdict().items()}
        return {name: str(pk) for name, pk in {**own, **resources, **dict(advice), **dict(lines)}.items()}


def open_shops(tenant: Tenant) -> Shops:
    by = SYSTEM.enter(tenant.slug)
    machines = [resource("cart", tags={"app": "cart"}), resource("ops", tags={"app": "ops"}, region="eu")]
    resources_bulk(by=by, sent=Sent(machines))
    for machine in Resource.objects.for_tenant(tenant):
        told = {"subject": machine.pk, "resource": machine, "currency": "USD", "saving_monthly": 5}
        Recommendation.objects.create(tenant=tenant, rule="idle", description=f"on-{machine}", **told)
    load(
        tenant,
        [
            bill(DAY, 1, resource_id="i-cart"),
            bill(DAY, 2, service_name="SES"),
            bill(DAY, 4, service_name="Support"),
            bill("2026-03-03", 8, service_name="S3", region="eu"),
        ],
    )
    shops = folder_create(by=by, tenant=tenant, name="Shops")
    web = folder_create(by=by, tenant=tenant, name="Web", parent_id=shops.pk)
    ops = folder_create(by=by, tenant=tenant, name="Ops")
    cart = product_create(
        by=by, tenant=tenant, folder_id=web.pk, name="Cart", resource_filter="tag:app = cart"
    )
    mail = product_create(
        by=by, tenant=tenant, folder_id=ops.pk, name="Mail",
        resource_filter="exists tag:app", cost_filter="service_name in (SES, S3)",
    )  # fmt: skip
    product_give(
        by=by, product=cart, cost_ids=[CostLine.objects.for_tenant(tenant).get(charge__service_name="S3").pk]
    )
    return Shops(shops, web, ops, cart, mail)


def share(folder: Folder, email: str, level: str) -> None:
    FolderPermission.objects.create(tenant=folder.tenant, folder=folder, email=email, level=level)
