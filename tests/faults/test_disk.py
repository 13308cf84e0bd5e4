"""A full disk: nothing is acked that is not kept, and all of it is stored once there is room again."""

import time
from collections.abc import Callable

import pytest

from tests.faults.disk import MEGABYTE, full_disk
from tests.faults.load import Load
from tests.faults.stack import SECONDS, Stack, eventually

pytestmark = [pytest.mark.full, pytest.mark.faults]

Check = Callable[[Load], None]
# A table larger than a file of the write-ahead log (16 MB): a limit of that size stops the table alone.
FILL = """
INSERT INTO usage_usageevent (id, tenant_id, event_id, timestamp, user_id, service_type, service_provider,
    event_type, metrics, billing_info, tags, metadata, session_id, request_id, received_at)
SELECT gen_random_uuid(), (SELECT min(id::text)::uuid FROM accounts_tenant), 'filler-' || n, now(), 'u', 's',
    'p', 'e', '{}', '{}', '[]', jsonb_build_object('filler', repeat('x', 1800)), '', '', now()
FROM generate_series(1, 12000) n ON CONFLICT DO NOTHING
"""


def test_a_full_disk_under_postgresql(stack: Stack, seed: str, assert_nothing_lost: Check) -> None:
    stack.sql(FILL)
    with stack.load(seed) as load:
        time.sleep(0.3)
        with full_disk(stack.postgres, 16 * MEGABYTE):
            assert eventually(lambda: "could not extend file" in stack.postgres.log_tail())
            before = load.answers["queued"]
            time.sleep(SECONDS)
            assert load.answers["queued"] > before
            assert stack.waiting()[0] > 0
    assert_nothing_lost(load)


def test_a_full_disk_under_redis(stack: Stack, seed: str, assert_nothing_lost: Check) -> None:
    """A Redis that cannot write its log ends instead of acking what it may lose."""
    with stack.load(seed) as load:
        time.sleep(0.3)
        with full_disk(stack.redis, 1):
            assert eventually(lambda: not stack.redis.running)
            time.sleep(SECONDS)
        stack.redis.kill()
        stack.redis.start()
        queued = load.answers["queued"]
        assert eventually(lambda: load.answers["queued"] > queued + 100)
    assert_nothing_lost(load)
    assert load.answers["stored"] > 0
