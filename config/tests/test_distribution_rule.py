"""Every model has its place among several servers, and no key of a tenant's table leaves the tenant."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.test.utils import isolate_apps

from accounts.models import Delivery, Tenant, TenantOwned, Webhook
from builds.models import Artifact, Build
from config.distribution.keys import Key, wanted
from config.distribution.places import SHARED, Place, faults_of, place_of
from config.distribution.places import models as all_models
from inventory.models import Resource

ONCE = models.UniqueConstraint(fields=["name"], name="thing_once")


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model._meta.label)
def test_each_model_has_a_place_and_keeps_to_its_rule(model: type[models.Model]) -> None:
    assert list(faults_of(model)) == []


def test_whatever_is_owned_by_a_tenant_is_distributed() -> None:
    owned = [model for model in all_models() if issubclass(model, TenantOwned)]
    assert len(owned) > 60
    assert {place_of(model) for model in owned} == {Place.DISTRIBUTED}


def test_no_place_is_kept_for_a_model_that_is_gone() -> None:
    assert SHARED.keys() <= {model._meta.label for model in all_models()}


def test_the_page_tells_each_of_the_shared_places() -> None:
    page = (Path(settings.BASE_DIR) / "docs/scale.md").read_text()
    (table,) = re.findall(r"\| model \| place \| why \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", page)
    told = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in table.splitlines()]
    assert told == [(label, str(place), why) for label, (place, why) in SHARED.items()]
    distributed = sum(place_of(model) is Place.DISTRIBUTED for model in all_models())
    assert f"is distributed, {distributed} of them;" in page


def model_of(fields: dict[str, Any], *, owned: bool = True, **meta: Any) -> type[models.Model]:
    inside = type("Meta", (), {"app_label": "accounts", **meta})
    base = TenantOwned if owned else models.Model
    return type("Thing", (base,), {"__module__": __name__, "Meta": inside, **fields})


def name(**options: Any) -> Any:
    return models.CharField(max_length=9, **options)


def to(model: Any, **options: Any) -> Any:
    return models.ForeignKey(model, on_delete=models.CASCADE, related_name="+", **options)


UNPLACED = "accounts.Thing has rows without a tenant: say in config/distribution/places.py where they live."


@pytest.mark.parametrize(
    ("fields", "meta", "faults"),
    [
        ({"name": name()}, {}, []),
        ({"name": name()}, {"owned": False}, [UNPLACED]),
        ({"tenant": to(Tenant, null=True)}, {"owned": False}, [UNPLACED]),
        ({"tenant": name()}, {"owned": False}, [UNPLACED]),
        ({"name": name(unique=True)}, {}, ["accounts.Thing.name is unique without the tenant."]),
        (
            {"name": name()},
            {"constraints": [ONCE]},
            ["accounts.Thing: thing_once is unique without the tenant."],
        ),
        (
            {"name": name()},
            {"constraints": [models.UniqueConstraint(Lower("name"), name="lower_once")]},
            ["accounts.Thing: lower_once is unique without the tenant."],
        ),
        (
            {"name": name(), "size": name()},
            {"unique_together": [("name", "size")]},
            ["accounts.Thing: name, size are unique together without the tenant."],
        ),
        ({"name": name()}, {"unique_together": [("tenant", "name")]}, []),
        (
            {"delivery": to(Delivery)},
            {},
            ["accounts.Thing.delivery: a distributed table cannot point at accounts.Delivery."],
        ),
    ],
)
@isolate_apps("accounts")
def test_a_model_that_breaks_the_rule_is_told_so(
    fields: dict[str, Any], meta: dict[str, Any], faults: list[str]
) -> None:
    assert list(faults_of(model_of(fields, **meta))) == faults


@isolate_apps("accounts")
def test_a_reference_table_points_at_no_tenants_table(monkeypatch: pytest.MonkeyPatch) -> None:
    thing = model_of({"webhook": to(Webhook)}, owned=False)
    monkeypatch.setitem(SHARED, "accounts.Thing", (Place.REFERENCE, "a test's"))
    assert list(faults_of(thing)) == [
        "accounts.Thing.webhook: a reference table cannot point at accounts.Webhook."
    ]


@isolate_apps("accounts")
def test_a_tenants_table_cannot_be_declared_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHARED, "accounts.Thing", (Place.LOCAL, "a test's"))
    assert list(faults_of(model_of({"name": name()}))) == [
        "accounts.Thing has a tenant in each row, and so no place in SHARED."
    ]


def test_keys_among_tenants_tables_hold_the_tenant_and_others_stay() -> None:
    assert wanted(Artifact) == [
        Key("builds_artifact", ("id", "tenant_id")),
        Key("builds_artifact", ("tenant_id",), "accounts_tenant", ("id",)),
        Key("builds_artifact", ("build_id", "tenant_id"), "builds_build", ("id", "tenant_id")),
    ]
    at = {key.columns[0]: key.target_columns for key in wanted(Build)}
    assert (at["platform_id"], at["parent_id"]) == (("id",), ("id", "tenant_id"))


def test_the_outbox_is_held_to_its_tenant_and_to_no_webhook() -> None:
    assert [key.target for key in wanted(Delivery)] == ["", "accounts_tenant"]
    assert [key.target for key in wanted(Resource)] == ["", "accounts_tenant", "inventory_cloudaccount"]
