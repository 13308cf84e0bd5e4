"""Fills a bench's database for bench.pages: the demo data a hundred times over.

The demo's tenant has a hundred times its events, builds, resources and lines of bills; of what the demo has
few or none, people, keys, statements and the rest, there are a hundred at least, in as many tenants.
"""

import os
import subprocess
import sys
import tempfile
from collections import deque
from typing import Final

TIMES: Final = 100
EVENTS: Final = 2_060
BUILDS: Final = 20
RESOURCES: Final = 47
# What deeds write: entries and messages older than those that are there.
LOGS: Final = """
INSERT INTO accounts_activityentry (id, tenant_id, seq, type, ts, actor, payload)
SELECT gen_random_uuid(), tenant_id, -row_number() OVER (), type, ts - n * interval '1 hour', actor, payload
FROM accounts_activityentry, generate_series(1, {times}) n;
INSERT INTO accounts_auditentry (id, tenant_id, at, actor, action, object_type, object_id,
    changes, request_id)
SELECT gen_random_uuid(), tenant_id, at - n * interval '1 hour', actor, action, object_type, object_id,
    changes, request_id
FROM accounts_auditentry, generate_series(1, {times}) n;
INSERT INTO accounts_delivery (id, tenant_id, kind, target, event_type, mail_kind, payload, state, attempts,
    next_attempt_at, last_error, created_at)
SELECT gen_random_uuid(), tenant_id, kind, target, event_type, mail_kind, payload,
    CASE n % 10 WHEN 0 THEN 'failed' ELSE 'delivered' END, 1, next_attempt_at, '',
    created_at - n * interval '1 hour'
FROM accounts_delivery, generate_series(1, {times}) n
"""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    _demo()
    with tempfile.TemporaryDirectory() as folder:
        fill = [sys.executable, "-m", "bench.rules_fill", folder, "demo-tenant", str(TIMES * RESOURCES)]
        subprocess.run(fill, check=True, stderr=subprocess.DEVNULL)
    call_command("recommend", tenant="demo-tenant", stdout=sys.stderr, stderr=sys.stderr)
    _others()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _demo() -> None:
    """What `load_demo` does, with more events and builds."""
    from accounts.demo import demo_accounts_load
    from bench import fleet
    from builds.demo import demo_builds_load
    from gcore.demo import demo_clients_map
    from inventory.demo import demo_watch_make
    from usage.demo import demo_bill_make, demo_definitions_make, events_store
    from usage.rollups import recompute_all

    tenants = demo_accounts_load()
    tenant = tenants["demo-tenant"]
    demo_clients_map(tenants)
    deque(events_store(tenant=tenant, count=TIMES * EVENTS), maxlen=0)
    deque(recompute_all(), maxlen=0)
    demo_builds_load(tenant=tenant)
    fleet.load(tenant.pk, TIMES * BUILDS)
    demo_definitions_make(tenant=tenant)
    demo_bill_make(tenant=tenant)
    demo_watch_make(tenant=tenant)


def _others() -> None:
    """A hundred of what the back office lists and the demo has little of, in as many tenants."""
    from django.contrib import admin
    from django.db import connection, transaction

    from accounts.models import Tenant
    from tests.rows import make_row

    with transaction.atomic():
        tenants = [make_row(Tenant) for _ in range(TIMES)]
        for model in admin.site._registry:
            for tenant in tenants[model._default_manager.count() :]:
                make_row(model, tenant)
    with connection.cursor() as cursor:
        cursor.execute(LOGS.format(times=TIMES))


if __name__ == "__main__":
    main()
