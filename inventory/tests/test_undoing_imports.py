"""An import that is undone leaves what was there before it, and what came after it."""

from decimal import Decimal
from typing import Any, Final
from unittest.mock import Mock

import pytest

from accounts.errors import Conflict
from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from inventory.models import CostDay, CostLine, Import, Resource, ResourceChange
from inventory.services import imports
from inventory.services.bulk import Sent, costs_bulk, resources_bulk
from inventory.services.imports import import_confirm, import_undo
from inventory.tasks import sweep_imports
from inventory.tests.files import applied, checked, csv_bytes
from inventory.tests.rows import cost, resource
from inventory.tests.test_importing_costs import counts, on, told

BY: Final = SYSTEM


def said(tenant: Tenant) -> list[Any]:
    return [amount for _, amount in told(tenant)]


def by_api(tenant: Tenant, amount: str, **fields: Any) -> None:
    row = cost(cost_date="2026-03-10", cost_amount=amount, cloud_account_id="111", **fields)
    costs_bulk(by=BY.enter(tenant.slug), sent=Sent([row]))


def test_what_was_replaced_counts_again_and_other_days_are_left_alone(acme: Tenant) -> None:
    applied(acme, csv_bytes([on(10, "1"), on(11, "2")]))
    second = applied(acme, csv_bytes([on(11, "20"), on(12, "30")]))
    assert said(acme) == [1, 20, 30]
    run = import_undo(by=BY, run=second)
    assert (said(acme), run.state) == ([1, 2], "undone")
    assert ActivityEntry.objects.get(type="costs.undone").payload["id"] == str(run.pk)
    with pytest.raises(Conflict, match="undone"):
        import_undo(by=BY, run=run)


def test_imports_are_undone_in_any_order(acme: Tenant) -> None:
    first, second, third = (applied(acme, csv_bytes([on(10, amount)])) for amount in "123")
    import_undo(by=BY, run=second)
    assert said(acme) == [3]
    import_undo(by=BY, run=third)
    assert said(acme) == [1]
    import_undo(by=BY, run=first)
    assert said(acme) == []
    again = applied(acme, csv_bytes([on(10, "3")]))  # the same file is good again
    assert (again.pk == third.pk, said(acme)) == (False, [3])


def test_what_the_api_said_since_stays(acme: Tenant) -> None:
    by_api(acme, "5")
    by_api(acme, "6", service_name="Lambda")
    run = applied(acme, csv_bytes([on(10, "1")]))
    assert said(acme) == [1]
    by_api(acme, "50")
    by_api(acme, "70", service_name="S3")
    import_undo(by=BY, run=run)
    assert said(acme) == [6, 50, 70]
    by_api(acme, "51")  # and is still known by its key
    assert said(acme) == [6, 51, 70]


def test_what_the_api_said_since_stays_also_where_nothing_was_before(acme: Tenant) -> None:
    run = applied(acme, csv_bytes([on(10, "1"), on(11, "2")]))
    by_api(acme, "5")
    import_undo(by=BY, run=run)
    assert said(acme) == [5]
    by_api(acme, "6")
    assert said(acme) == [6]


def test_only_files_are_undone(acme: Tenant) -> None:
    by_api(acme, "5")
    with pytest.raises(Conflict, match="Only files"):
        import_undo(by=BY, run=Import.objects.get())


def test_the_sweep_clears_away_what_was_undone_and_nothing_else(acme: Tenant) -> None:
    applied(acme, csv_bytes([on(10, "1")]))
    run = applied(acme, csv_bytes([on(10, "2"), on(11, "3")]))
    import_undo(by=BY, run=run)
    assert CostLine.objects.count() == 3
    sweep_imports()
    assert (CostLine.objects.count(), CostDay.objects.count(), said(acme)) == (1, 1, [1])


def lines(*rows: dict[str, Any]) -> bytes:
    names = (
        "provider",
        "resource_id",
        "resource_type",
        "region",
        "state",
        "tags",
        "cost_daily",
        "created_at",
    )
    return csv_bytes([{name: row.get(name, "") for name in names} for row in rows])


def machine(number: int, **fields: Any) -> dict[str, Any]:
    return resource(number, **{"tags": '{"env": "prod"}', **fields})


def state(tenant: Tenant) -> dict[str, str]:
    return dict(Resource.objects.for_tenant(tenant).values_list("resource_id", "state"))


def test_resources_are_told_before_they_are_written(acme: Tenant) -> None:
    resources_bulk(by=BY.enter("acme"), sent=Sent([resource(1), resource(2)]))
    rows = lines(
        machine(1, tags='{"env": "prod", "team": "core"}'), machine(2, state="stopped"), machine(3),
        machine(3), machine(4, state=""),
    )  # fmt: skip
    run = checked(acme, rows, "resources")
    assert counts(run) == (5, 1, 1, 2, 0, 1)
    assert (run.errors, Resource.objects.count()) == (
        [{"row": 6, "field": "state", "message": "It is required."}],
        2,
    )
    assert ResourceChange.objects.count() == 2


def test_refused_rows_are_kept_until_others_are(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    run = checked(acme, lines(machine(1), machine(2, state="")), "resources")
    kept = str(run.rejects.name)
    with monkeypatch.context() as broken, django_capture_on_commit_callbacks(execute=True):
        broken.setattr(imports, "import_close", Mock(side_effect=ConnectionError))
        with pytest.raises(ConnectionError):
            import_confirm(by=BY, run=run)
    assert run.rejects.storage.exists(kept)
    with django_capture_on_commit_callbacks(execute=True):
        run = import_confirm(by=BY, run=run)
    assert (run.rejects.name == kept, run.rejects.storage.exists(kept)) == (False, False)


def test_resources_are_given_back(acme: Tenant) -> None:
    resources_bulk(by=BY.enter("acme"), sent=Sent([resource(1), resource(2)]))
    before = list(
        Resource.objects.order_by("pk").values("state", "tags", "cost_daily", "created_at", "cloud_account")
    )
    run = applied(
        acme,
        lines(
            machine(1, state="stopped", tags="env=dev", cost_daily="9.99", created_at="2020-01-01"),
            machine(2, state="gone"), machine(3), machine(4),
        ),
        "resources",
    )  # fmt: skip
    assert (counts(run), state(acme)["i-1"]) == ((4, 2, 2, 0, 0, 0), "stopped")
    changed = Resource.objects.get(resource_id="i-1")
    assert (changed.tags, changed.cost_daily) == ({"env": "dev"}, Decimal("9.99"))
    resources_bulk(by=BY.enter("acme"), sent=Sent([resource(2, state="running"), resource(4)]))
    import_undo(by=BY, run=run)
    # The API told of the second and the fourth since, so they stay as it said.
    assert state(acme) == {"i-1": "running", "i-2": "running", "i-4": "running"}
    after = Resource.objects.exclude(resource_id="i-4").order_by("pk")
    assert after.values("state", "tags", "cost_daily", "created_at", "cloud_account")[0] == before[0]
    told = ActivityEntry.objects.get(type="resources.undone").payload
    assert (told["given_back"], told["left"]) == (2, 2)
    last = ResourceChange.objects.filter(resource=changed).first()
    assert last is not None
    assert last.changes["state"] == ["stopped", "running"]
