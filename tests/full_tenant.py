"""A tenant with one object of every kind, each of which carries a mark that must never be seen elsewhere."""

import io
from datetime import date
from typing import Final

import time_machine
from django.db import transaction

from accounts.models import (
    Delivery,
    Invitation,
    Membership,
    Webhook,
)
from accounts.principals import SYSTEM
from accounts.services.logs import record
from builds.models import (
    Artifact,
    Channel,
    ImageType,
    OsVersion,
    Platform,
    Project,
    StateTemplate,
    Variable,
)
from builds.tests.builders import make_build
from gcore.models import ReportJob
from gcore.services.accounts import account_default
from inventory.models import (
    AllocationRule,
    Budget,
    CloudAccount,
    CostLine,
    ExchangeRate,
    Folder,
    FolderPermission,
    Product,
    Resource,
    SavedView,
)
from inventory.services.automation_plans import rule_plan
from inventory.services.bulk import Sent, costs_bulk, resources_bulk
from inventory.services.imports import import_receive
from inventory.services.profiles import profile_create
from inventory.services.recommendations import recommendation_open
from inventory.services.recommending import run_start
from inventory.tests.automation import rule as automation_rule
from inventory.tests.rows import cost, resource
from tests.builders import make_key, make_tenant, make_user
from usage.models import Alert, DeadLetter, Meter, UsageEvent
from usage.tests.bills import close, make_rule

MARK: Final = "acme-secret"


def tenant_fill() -> dict[str, str]:
    """Make acme, and say what to put into a path to name each of its objects."""
    tenant = make_tenant("acme", name=f"{MARK}-name", contact_email=f"{MARK}@example.com")
    person = make_user(f"{MARK}-person", tenant, Membership.Role.OWNER, last_name=f"{MARK}-surname")
    make_user(f"{MARK}-second", tenant, Membership.Role.OWNER)
    row, _ = make_key(tenant, "admin", name=f"{MARK}-key")
    token, _ = make_key(tenant, "read", name=f"{MARK}-token", user=person)
    event = UsageEvent.objects.create(
        tenant=tenant,
        event_id=f"{MARK}-event",
        timestamp="2026-11-01T00:00:00Z",
        user_id=f"{MARK}-user",
        service_type="compute",
        service_provider="aws",
        event_type="vm",
    )
    rule = make_rule(tenant, service_type=f"{MARK}-service")
    with time_machine.travel("2026-12-02T00:00:00Z"):
        statement = close(tenant, date(2026, 11, 1))
    webhook = Webhook.objects.create(tenant=tenant, url=f"https://{MARK}.example.com/")
    delivery = Delivery.objects.create(
        tenant=tenant, kind="webhook", webhook=webhook, target=webhook.url, event_type="x.y", state="failed"
    )
    meter = Meter.objects.create(tenant=tenant, slug=f"{MARK}-meter", name=f"{MARK}-meter", unit=MARK)
    alert = Alert.objects.create(tenant=tenant, name=f"{MARK}-alert", measure="usage", threshold=1)
    letter = DeadLetter.objects.create(
        tenant=tenant, entry_id="1-1", event_id=f"{MARK}-dead", payload=MARK, reason=MARK
    )
    names = {"slug": f"{MARK}-row", "name": f"{MARK}-row"}
    platform = Platform.objects.create(tenant=tenant, cloud_provider=MARK, **names)
    os_version = OsVersion.objects.create(tenant=tenant, version=MARK, **names)
    image_type = ImageType.objects.create(tenant=tenant, **names)
    template = StateTemplate.objects.get(slug="standard")
    project = Project.objects.create(tenant=tenant, template=template, **names)
    build = make_build(tenant, f"{MARK}-build")
    line = {name: getattr(build, name) for name in ("platform", "os_version", "image_type")}
    channel = Channel.objects.create(tenant=tenant, name=f"{MARK}-channel", build=build, **line)
    artifact = Artifact.objects.create(tenant=tenant, build=build, state_code=0, name=MARK)
    variable = Variable.objects.create(tenant=tenant, build=build, key=MARK, value=MARK)
    by = SYSTEM.enter("acme")
    resources_bulk(by=by, sent=Sent([resource(resource_id=f"{MARK}-resource", cloud_account_id=MARK)]))
    costs_bulk(by=by, sent=Sent([cost(service_name=f"{MARK}-service")]))
    rate = ExchangeRate.objects.create(
        tenant=tenant, currency="EUR", to_currency="USD", valid_from="2026-11-01", rate=1
    )
    upload, _ = import_receive(
        by=by, tenant=tenant, kind="costs", file=io.BytesIO(MARK.encode()), name=f"{MARK}-file"
    )
    profile = profile_create(by=by, tenant=tenant, name=f"{MARK}-profile", kind="costs", columns={})
    budget = Budget.objects.create(tenant=tenant, name=f"{MARK}-budget", amount=1, currency="USD")
    automation = automation_rule(tenant, name=f"{MARK}-automation", filter=f"name = {MARK}")
    run = rule_plan(by=by, rule=automation)
    recommendation, _ = recommendation_open(
        by=SYSTEM, tenant=tenant, rule=MARK, resource=Resource.objects.get(), description=MARK
    )
    computation = run_start(by=SYSTEM, tenant=tenant)
    view = SavedView.objects.create(tenant=tenant, name=f"{MARK}-view", kind="costs", actor=MARK)
    folder = Folder.objects.create(tenant=tenant, name=f"{MARK}-folder")
    product = Product.objects.create(tenant=tenant, folder=folder, name=f"{MARK}-product")
    rule_of_showback = AllocationRule.objects.create(
        tenant=tenant, name=f"{MARK}-rule", filter="exists tag:x"
    )
    FolderPermission.objects.create(tenant=tenant, folder=folder, email=f"{MARK}-reader@example.com")
    with transaction.atomic():
        record(tenant=tenant, type="test.done", by=SYSTEM, payload={"note": f"{MARK}-activity"})
    invitation = Invitation.objects.create(
        tenant=tenant, email=f"{MARK}-invited@example.com", role="member", expires_at="2099-01-01T00:00:00Z"
    )
    report = ReportJob.objects.create(
        tenant=tenant,
        account=account_default(),
        product="cdn",
        client_id="829449",
        start_date=date(2026, 11, 1),
        end_date=date(2026, 11, 30),
        deadline="2026-12-02T00:00:00Z",
        notes=f"{MARK}-notes",
    )
    return {
        "/reports/{product}": "cloud",
        "/reports/gcore/{uuid}": str(report.pk),
        "/tenants/{tenant_id}": str(tenant.pk),
        "/users/{id}": str(person.pk),
        "/api-keys/{id}": str(row.pk),
        "/price-rules/{id}": str(rule.pk),
        "/statements/{id}": str(statement.pk),
        "/webhooks/{id}": str(webhook.pk),
        "{webhook_id}": str(webhook.pk),
        "{delivery_id}": str(delivery.pk),
        "/meters/{slug}": str(meter.slug),
        "/alerts/{id}": str(alert.pk),
        "{event_id}": str(event.event_id),
        "/dead-letters/{id}": str(letter.pk),
        "/platforms/{slug}": str(platform.slug),
        "/dashboard/platform/{slug}": str(platform.slug),
        "/os_versions/{slug}": str(os_version.slug),
        "/image_types/{slug}": str(image_type.slug),
        "/projects/{slug}": str(project.slug),
        "/state-codes/{code}": "50",
        "/builds/{id}": str(build.pk),
        "{build}": str(build.pk),
        "/channels/{id}": str(channel.pk),
        "{artifact}": str(artifact.pk),
        "/variables/{key}": str(variable.key),
        "/resources/{id}": str(Resource.objects.get().pk),
        "/costs/{id}": str(CostLine.objects.get().pk),
        "/imports/{id}": str(upload.pk),
        "/mapping-profiles/{id}": str(profile.pk),
        "/cloud-accounts/{id}": str(CloudAccount.objects.get(account_id=MARK).pk),
        "/exchange-rates/{id}": str(rate.pk),
        "/budgets/{id}": str(budget.pk),
        "/recommendations/{id}": str(recommendation.pk),
        "/recommendations/runs/{id}": str(computation.pk),
        "{rule}": "idle_machine",
        "{rule_id}": str(automation.pk),
        "/runs/{id}": str(run.pk),
        "/automation-rules/{id}": str(automation.pk),
        "/saved-views/{id}": str(view.pk),
        "/folders/{id}": str(folder.pk),
        "/products/{id}": str(product.pk),
        "{folder_id}": str(folder.pk),
        "/allocation-rules/{id}": str(rule_of_showback.pk),
        "{email}": f"{MARK}-reader@example.com",
        "{invitation_id}": str(invitation.pk),
        "{token_id}": str(token.pk),
        "{user_id}": str(person.pk),
    }


def filled(path: str, secrets: dict[str, str]) -> str:
    for place, value in secrets.items():
        prefix, _, _ = place.partition("{")
        path = path.replace(place, prefix + value)
    assert "{" not in path, f"say in `tenant_fill` what names {path}"
    return path
