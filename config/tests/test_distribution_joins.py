"""With DATABASE_DISTRIBUTED foreign keys among tenants' tables are joined on the tenant, too."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models as django_models
from django.db.migrations.writer import MigrationWriter

from accounts.models import Tenant
from builds.models import Build, BuildState, Project
from builds.tests.builders import make_build
from config.distribution.joins import KeyWithinTenant, join_within_tenants
from config.distribution.places import models

WITHIN = '("builds_buildstate"."build_id" = "builds_build"."id" AND ("builds_build"."tenant_id" ='


@pytest.fixture
def joined() -> Iterator[None]:
    join_within_tenants()
    yield
    for model in models():
        for field in model._meta.local_fields:
            if type(field) is KeyWithinTenant:
                object.__setattr__(field, "__class__", django_models.ForeignKey)


def test_rows_are_joined_within_their_tenant(joined: None) -> None:
    assert WITHIN in str(BuildState.objects.select_related("build").query)
    assert '"builds_project"."tenant_id" = ("builds_build"."tenant_id")' in str(
        Project.objects.filter(builds__state_code=3).query
    )


def test_shared_tables_are_joined_as_they_were(joined: None) -> None:
    sql = str(Build.objects.select_related("platform").query)
    assert '("builds_build"."platform_id" = "builds_platform"."id")' in sql


def test_what_a_row_names_is_looked_up_in_its_tenant(
    joined: None, acme: Tenant, django_assert_num_queries: Any
) -> None:
    child = make_build(acme, "child", parent=make_build(acme, "parent"))
    stored = Build.objects.get(pk=child.pk)
    with django_assert_num_queries(1) as seen:
        assert stored.parent is not None
        assert stored.parent.build_id == "parent"
    assert '"builds_build"."tenant_id" = ' in seen[0]["sql"].partition("WHERE")[2]


def test_migrations_know_nothing_of_it(joined: None) -> None:
    field = Build._meta.get_field("parent")
    assert isinstance(field, KeyWithinTenant)
    assert MigrationWriter.serialize(field)[0].startswith("models.ForeignKey(")


def test_without_the_setting_nothing_is_added() -> None:
    assert WITHIN not in str(BuildState.objects.select_related("build").query)
