"""Three months of image builds, made in the database: one tenant, every platform, OS and type.

Each build has twelve rows of history. Most are delivered; of a hundred seven failed and two were cancelled,
and the last fiftieth is under way.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

ROWS: Final = 12
SPAN: Final = timedelta(days=90)
STEP: Final = timedelta(minutes=9)
CHUNK: Final = 20_000
TABLES: Final = ("builds_build", "builds_buildstate", "builds_buildfailure")

# `step` of the twelve codes is where a build stands; what a build tells there beside is a message.
FLEET: Final = """
WITH part AS (
    SELECT (SELECT array_agg(id ORDER BY slug) FROM builds_platform WHERE tenant_id IS NULL) platforms,
        (SELECT array_agg(id ORDER BY slug) FROM builds_osversion WHERE tenant_id IS NULL) os_versions,
        (SELECT array_agg(id ORDER BY slug) FROM builds_imagetype WHERE tenant_id IS NULL) image_types,
        (SELECT id FROM builds_statetemplate WHERE tenant_id IS NULL AND slug = 'standard') template,
        ARRAY[0, 10, 15, 20, 25, 40, 50, 60, 75, 80, 90, 100] codes
), placed AS (
    SELECT n, part.*, %(start)s + %(span)s * (n::float8 / %(of)s) AS created,
        CASE WHEN n >= %(of)s - %(of)s / 50 THEN CASE n %% 11 WHEN 0 THEN 'pending' ELSE 'in_progress' END
            WHEN n %% 100 < 7 THEN 'failed' WHEN n %% 100 < 9 THEN 'cancelled' ELSE 'completed' END AS status
    FROM part, generate_series(%(first)s::bigint, %(last)s::bigint) n
), fleet AS (
    SELECT *, CASE status WHEN 'completed' THEN 12 WHEN 'pending' THEN 1 WHEN 'in_progress' THEN n %% 11 + 1
        ELSE n / 100 %% 10 + 2 END AS step
    FROM placed
)
"""
BUILDS: Final = """
INSERT INTO builds_build (id, tenant_id, build_id, platform_id, os_version_id, image_type_id, template_id,
    pipeline_url, commit_hash, metadata, state_code, status, attempt, step_done, high_water_code, message,
    reason, fault, retryable, run_id, seq, entered_at, occurred_at, reported_at, started_at, ended_at,
    revoked_because, created_at, updated_at)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(tenant)s,
    'bench-' || lpad(n::text, 8, '0'), platforms[n %% cardinality(platforms) + 1],
    os_versions[n / 7 %% cardinality(os_versions) + 1], image_types[n / 3 %% cardinality(image_types) + 1],
    template, 'https://ci.example.com/builds/' || n, md5(n::text), '{"team": "images"}', codes[step], status,
    1, status = 'completed', codes[step], 'step 12 told',
    CASE status WHEN 'failed' THEN 'PACKER_TIMEOUT' WHEN 'cancelled' THEN 'USER_CANCELLED' ELSE '' END,
    CASE status WHEN 'failed' THEN (ARRAY['user', 'infrastructure', 'unknown'])[n / 100 %% 3 + 1] ELSE '' END,
    true, 'run-' || n, 12, created + (step - 1) * %(step)s, created + 11 * %(step)s,
    created + 11 * %(step)s, CASE WHEN step > 1 THEN created + %(step)s END,
    CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN created + 11 * %(step)s END,
    '', created, created + 11 * %(step)s
FROM fleet
"""
STATES: Final = """
INSERT INTO builds_buildstate (id, tenant_id, build_id, seq, state_code, status, attempt, message, reason,
    fault, run_id, metadata, artifact, applied, actor, at, entered_at, left_at, outcome)
SELECT ('01900000-0000-7001-8000-' || lpad(to_hex(n * 12 + seq), 12, '0'))::uuid, %(tenant)s,
    ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, seq, codes[least(seq, step)],
    CASE WHEN seq = 12 THEN status WHEN 1 IN (seq, step) THEN 'pending' ELSE 'in_progress' END, 1,
    'step ' || seq || ' told', '', '', 'run-' || n, '{}', '{}', true, 'key:bench',
    created + (seq - 1) * %(step)s,
    CASE WHEN enters THEN created + (seq - 1) * %(step)s END,
    CASE WHEN enters AND seq < step THEN created + seq * %(step)s
        WHEN enters AND ends THEN created + 11 * %(step)s END,
    CASE WHEN enters AND seq < step THEN 'completed' WHEN enters AND ends THEN status ELSE '' END
FROM fleet, generate_series(1, 12) seq,
    LATERAL (SELECT seq <= step AND NOT (seq = 12 AND status = 'completed') AS enters,
        status IN ('failed', 'cancelled') AS ends) AS it
"""
FAILURES: Final = """
INSERT INTO builds_buildfailure (id, tenant_id, build_id, state_code, attempt, error_message, error_code,
    component, details, fault, retryable, occurrences, digest, created_at, last_at, resolution)
SELECT ('01900000-0000-7002-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(tenant)s,
    ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, codes[step], 1, 'it took too long',
    'PACKER_TIMEOUT', 'packer', '{}', (ARRAY['user', 'infrastructure', 'unknown'])[n / 100 %% 3 + 1], true, 1,
    md5(n::text), created + 11 * %(step)s, created + 11 * %(step)s, ''
FROM fleet WHERE status = 'failed'
"""


def load(tenant_id: UUID, builds: int) -> None:
    """`builds` spread evenly over the SPAN that ends now, each with its history."""
    values: dict[str, Any] = {"tenant": tenant_id, "of": builds, "span": SPAN, "step": STEP}
    values["start"] = timezone.now() - SPAN - ROWS * STEP
    with connection.cursor() as cursor:
        for first in range(0, builds, CHUNK):
            chunk = {**values, "first": first, "last": min(first + CHUNK, builds) - 1}
            for statement in (BUILDS, STATES, FAILURES):
                cursor.execute(FLEET + statement, chunk)
        for table in TABLES:
            cursor.execute(f"ANALYZE {table}")
