"""No table of a tenant's without its policy, and no production that does without them unseen."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections, models
from django.db.migrations.executor import MigrationExecutor

from accounts.models import Tenant
from accounts.policies import POLICY

SECURED: Final = """
SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid
WHERE relrowsecurity AND relnamespace = current_schema()::regnamespace AND polname = %s
"""


def tenants_models() -> Iterator[type[models.Model]]:
    """The models whose rows are a tenant's: they point to it, or to something that does."""
    return (model for model in apps.get_models(include_auto_created=True) if _is_tenants(model))


@cache
def _is_tenants(model: type[models.Model]) -> bool:
    pointed = (field.related_model for field in model._meta.concrete_fields if field.is_relation)
    return model is Tenant or any(_is_tenants(other) for other in pointed if other is not model)


@register(Tags.database)
def tables_are_secured(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Once all migrations are done: before, `migrate` may be on its way to do it."""
    connection = connections["default"]
    if "default" not in (databases or ()) or connection.vendor != "postgresql":
        return []
    if settings.DATABASE_DISTRIBUTED:  # docs/scale.md
        return []
    with connection.cursor() as cursor:
        cursor.execute(SECURED, [POLICY])
        secured = {name for (name,) in cursor.fetchall()}
    bare = [model for model in tenants_models() if model._meta.db_table not in secured]
    if not bare or _is_migrating(connection):
        return []
    return [
        Error(
            f"PostgreSQL shows {model._meta.label}'s rows to every tenant.",
            hint=f'Let a migration do accounts.policies.SecureRows("{model.__name__}").',
            id="accounts.E007",
        )
        for model in bare
    ]


@register(Tags.security, deploy=True)
def rows_are_secured(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    on_postgresql = connections["default"].vendor == "postgresql"
    if settings.DATABASE_ROW_SECURITY or not on_postgresql:
        return []
    return [
        Warning(
            "Only the code keeps tenants apart: PostgreSQL shows each of them everybody's rows.",
            hint="Leave DATABASE_ROW_SECURITY on and run `migrate`; docs/security.md says what that costs "
            "and where it does not work.",
            id="accounts.W001",
        )
    ]


def _is_migrating(connection: Any) -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
