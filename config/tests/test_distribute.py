"""What `distribute --keys-only` makes of a database, and that all goes on there."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import Tenant, User
from accounts.principals import SYSTEM
from builds.models import Artifact, Channel
from builds.tests.builders import make_build
from config.distribution.keys import wanted
from config.distribution.places import Place, models, place_of
from config.distribution.plan import foreign_keys_later
from inventory.models import CostLine
from inventory.services.bulk import Sent, costs_bulk, resources_bulk
from inventory.tests.rows import cost, resource
from tests.builders import make_key
from tests.full_tenant import MARK, filled, tenant_fill
from usage.models import Meter, Rollup, UsageEvent
from usage.rollups import recompute_all
from usage.tests.conftest import drain
from usage.tests.documents import MOMENT, batch, event

pytestmark = pytest.mark.full
KEYS: Final = """
SELECT t.relname, c.contype::text, target.relname, array(SELECT a.attname::text FROM pg_attribute a
    WHERE a.attrelid = t.oid AND a.attnum = ANY (c.conkey))
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
LEFT JOIN pg_class target ON target.oid = c.confrelid
WHERE c.contype IN ('p', 'u', 'f', 'x') AND t.relnamespace = current_schema()::regnamespace
UNION ALL
SELECT t.relname, 'i', NULL, array(SELECT a.attname::text FROM pg_attribute a
    WHERE a.attrelid = t.oid AND a.attnum = ANY (i.indkey::smallint[]))
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
WHERE i.indisunique AND t.relnamespace = current_schema()::regnamespace
"""


@pytest.fixture(scope="module")
def reshaped(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The keys are changed for the tests of this module; what the command said."""
    with django_db_blocker.unblock(), transaction.atomic():
        out = StringIO()
        call_command("distribute", keys_only=True, stdout=out)
        yield out.getvalue()
        transaction.set_rollback(True)


@pytest.fixture
def there(reshaped: str, db: None) -> None:
    """A test of its own in that database."""


def statements(**options: Any) -> list[str]:
    out = StringIO()
    call_command("distribute", plan=True, json=True, stdout=out, **options)
    return [step["sql"] for step in json.loads(out.getvalue())["steps"]]


def test_every_key_of_a_tenants_table_holds_the_tenant(there: None) -> None:
    tenants = {m._meta.db_table for m in models() if place_of(m) is Place.DISTRIBUTED}
    with connection.cursor() as cursor:
        cursor.execute(KEYS)
        found = [row for row in cursor.fetchall() if row[0] in tenants]
    unique = [(table, columns) for table, kind, _, columns in found if kind != "f"]
    foreign = [(table, target, columns) for table, kind, target, columns in found if kind == "f"]
    assert [row for row in unique if "tenant_id" not in row[1]] == []
    assert {table for table, _ in unique} == tenants
    among = [row for row in foreign if row[1] in tenants]
    assert [row for row in among if "tenant_id" not in row[2]] == []
    declared = [key for m in models() for key in wanted(m) if key.table in tenants and key.target]
    assert len(foreign) == len(declared)
    assert len(among) == len([key for key in declared if len(key.columns) == 2]) > 40


def test_no_shared_table_points_at_a_tenants(there: None) -> None:
    tenants = {m._meta.db_table for m in models() if place_of(m) is Place.DISTRIBUTED}
    with connection.cursor() as cursor:
        cursor.execute(KEYS)
        assert [row for row in cursor.fetchall() if row[0] not in tenants and row[2] in tenants] == []


def test_it_says_what_it_did_and_does_it_once(reshaped: str, there: None) -> None:
    assert f" steps done; of {len(models())} tables belong: " in reshaped
    assert reshaped.endswith(" distributed, 8 reference, 15 local.\n")
    assert statements(keys_only=True) == []


def test_two_tenants_may_hold_the_same_id(there: None, acme: Tenant, rival: Tenant) -> None:
    ours = Meter.objects.create(tenant=acme, slug="cpu", name="CPU", unit="h")
    theirs = Meter(id=ours.pk, tenant=rival, slug="cpu", name="Theirs", unit="h")
    theirs.save(force_insert=True)
    assert Meter.objects.filter(pk=ours.pk).count() == 2
    assert Meter.objects.for_tenant(acme).get(pk=ours.pk).name == "CPU"


def test_a_row_cannot_point_into_another_tenant(there: None, acme: Tenant, rival: Tenant) -> None:
    build = make_build(acme)
    Artifact.objects.create(tenant=rival, build=build, state_code=0, name="theirs")
    with pytest.raises(IntegrityError, match="builds_artifact_build_id_fk_"), transaction.atomic():
        connection.check_constraints()
    Artifact.objects.all().delete()


def test_a_later_migrations_foreign_key_is_made_by_the_next_run(there: None) -> None:
    field = Channel._meta.get_field("build")
    with foreign_keys_later(connection), connection.schema_editor() as editor:
        editor.remove_field(Channel, field)
        editor.add_field(Channel, field)
    (step,) = statements(keys_only=True)
    assert step.startswith('ALTER TABLE "builds_channel" ADD CONSTRAINT "builds_channel_build_id_fk_')
    assert connection.features.supports_foreign_keys


@pytest.fixture
def api(there: None, client_for: Callable[..., Any], acme: Tenant) -> Any:
    return client_for(make_key(acme, "admin")[1])


def test_events_are_counted_once_and_summed(api: Any, acme: Tenant) -> None:
    sent = [event(event_id=f"e-{n}", timestamp=MOMENT) for n in range(3)]
    for _ in range(2):
        assert api.post("/events/batch", batch(*sent)).status_code == 202
        drain()
    assert UsageEvent.objects.for_tenant(acme).count() == 3
    list(recompute_all())
    assert Rollup.objects.for_tenant(acme).filter(level="hour").get().count == 3


def test_builds_move_and_are_made_of_shared_things(api: Any) -> None:
    made_of = {"platform": "aws-commercial", "os_version": "rhel-8.8", "image_type": "base"}
    made = api.post("/builds", {**made_of, "build_id": "b-1"})
    assert made.status_code == 201
    at = f"/builds/{made.json()['id']}"
    assert [api.post(f"{at}/state", {"state_code": code}).status_code for code in (50, 100, 20)] == [
        200,
        200,
        409,
    ]
    assert api.post(f"{at}/revoke", {"reason": "no"}).status_code == 200
    assert api.get("/dashboard/summary").json()["total_builds"] == 1


def test_resources_and_costs_replace_themselves(api: Any, acme: Tenant) -> None:
    by = SYSTEM.enter("acme")
    for price in ("1", "2"):
        resources_bulk(by=by, sent=Sent([resource(cost_daily=price)]))
        costs_bulk(by=by, sent=Sent([cost(cost_amount=price)]))
    assert [row["cost_daily"] for row in api.get("/resources").json()["items"]] == ["2"]
    assert [line.billed_cost for line in CostLine.objects.for_tenant(acme)] == [2]


def _is_read(path: str, verbs: dict[str, Any]) -> bool:
    return path.startswith("/api/v1/") and "get" in verbs


def test_each_list_and_object_of_a_full_tenant_is_read(there: None, client_for: Callable[..., Any]) -> None:
    secrets = tenant_fill()
    caller = client_for(User.objects.get(email__startswith=f"{MARK}-person"))
    with (Path(settings.BASE_DIR) / "docs/openapi.yaml").open() as file:
        paths = yaml.load(file, yaml.CSafeLoader)["paths"]
    asked = [filled(path, secrets) for path, verbs in paths.items() if _is_read(path, verbs)]
    failed = {path: answer.status_code for path in asked if (answer := caller.get(path)).status_code >= 500}
    assert failed == {}
    assert len(asked) > 100


def test_what_is_old_is_cleared_away(there: None) -> None:
    tenant_fill()
    before = timezone.now()
    call_command("clean_up")
    assert UsageEvent.objects.filter(timestamp__lt=before).count() == 1
