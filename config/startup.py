"""What every process makes sure of before its first work; what is missing ends it with a sentence."""

import time
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core import checks
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from accounts.row_security import as_tenant
from accounts.services.keys import api_keys_seed
from config import sentry
from config.heap import give_back, share_arenas
from gcore.services.accounts import account_default
from usage import queue

RETRY_SECONDS: Final = 1.0
log = structlog.get_logger(__name__)


class CannotStart(SystemExit):
    """Ends the process with status 1 and its message on standard error."""


def prepare() -> None:
    """For the web processes, worker, beat, the event writer and the one-process mode."""
    share_arenas()
    give_back()
    sentry.start()
    wait_for_database()
    require_migrations()
    require_tenants_role()
    refuse_what_is_unsafe()
    api_keys_seed()
    account_default()
    warn_about_redis()
    connection.close()


def wait_for_database() -> None:
    """Try once a second for DATABASE_WAIT_SECONDS."""
    deadline = time.monotonic() + settings.DATABASE_WAIT_SECONDS
    while True:
        try:
            connection.ensure_connection()
            return
        except OperationalError as error:
            if time.monotonic() >= deadline:
                raise CannotStart(
                    f"The database did not answer within {settings.DATABASE_WAIT_SECONDS} seconds; "
                    "check DATABASE_URL and that the server is running (DATABASE_WAIT_SECONDS waits longer)."
                ) from error
            log.warning("waiting_for_database", error=str(error).strip())
            connection.close()
            time.sleep(RETRY_SECONDS)


def require_migrations() -> None:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in pending[:5])
        more = f" and {len(pending) - 5} more" if len(pending) > 5 else ""
        raise CannotStart(
            f"The database lacks {len(pending)} migrations ({names}{more}): run `python manage.py migrate`."
        )


def require_tenants_role() -> None:
    try:
        with as_tenant(UUID(int=0)), connection.cursor():
            pass
    except DatabaseError as error:
        raise CannotStart(
            f"The database does not let this login do what is a tenant's ({str(error).strip()}): run "
            "`python manage.py migrate`, or set DATABASE_ROW_SECURITY=false."
        ) from error


def refuse_what_is_unsafe() -> None:
    """Easy secrets and well-known accounts must never open a real system, however it is started."""
    if not settings.STRICT:
        return
    found = checks.run_checks(tags=[checks.Tags.security, checks.Tags.database], databases=["default"])
    reasons = [f"- {said.msg} {said.hint or ''}" for said in found if said.is_serious()]
    if reasons:
        raise CannotStart(f"It is not safe to start {settings.ENVIRONMENT} so:\n" + "\n".join(reasons))


def warn_about_redis() -> None:
    state = queue.state()
    if state is not None and state.depth and state.durable is False:
        log.warning(
            "redis_not_durable",
            message="Redis holds accepted events and would lose them when killed: turn `appendonly` on.",
            waiting=state.depth,
        )
